import { STATUS_FORGES, type StatusForge } from '@copr/contract/api/webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import type { ProjectSecret } from '@copr/domain/secrets/project-secrets'
import { html } from 'hono/html'
import { csrfField, postButton, selectField, submitButton, textField } from '../pages/forms.ts'
import { card, empty, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'

const FORGE_LABELS: Record<StatusForge, string> = {
  github: 'GitHub',
  gitlab: 'GitLab',
  forgejo: 'Forgejo or Gitea',
}

/** Renders the git credentials and forge tokens of a project, without their values, and the forms to set them. */
export function secretsCard(view: View, project: Project, secrets: ProjectSecret[]): Html {
  const list =
    secrets.length === 0
      ? empty('No secrets', html`Private repositories and commit statuses need them.`)
      : table(
          'Secrets',
          ['For', 'URL', 'Set', 'Last problem', ''],
          secrets.map((secret) => row(view, project, secret)),
        )
  return html`${card('Secrets', html`${list} ${help}`)} ${gitForm(view, project)}
  ${forgeForm(view, project)}`
}

const help = html`<p class="help">
  Secrets are stored encrypted, and no page and no API shows them again. Git credentials are sent
  only to the builder that makes the source package, and not for pull requests from other
  repositories.
</p>`

function row(view: View, project: Project, secret: ProjectSecret): Html[] {
  const { id, kind, url, username, forge, changed_at, last_error } = secret
  const use = kind === 'git' ? `git as ${username}` : `commit statuses, ${forge}`
  return [
    html`${use}`,
    html`<code>${url}</code>`,
    time(changed_at),
    html`${last_error ?? ''}`,
    postButton(view, {
      action: paths.deleteSecret(project, id),
      text: 'Delete',
      confirm: `Delete the secret for ${url}?`,
      kind: 'secondary pf-m-danger',
    }),
  ]
}

function gitForm(view: View, project: Project): Html {
  return card(
    'Git credentials',
    html`<form class="pf-v6-c-form" method="post" action="${paths.setCredentials(project)}">
      ${csrfField(view)}
      ${textField({ name: 'url', label: 'Beginning of the repository URL', required: true, type: 'url', placeholder: 'https://git.example.org/dana/' })}
      ${textField({ name: 'username', label: 'User', required: true })}
      ${textField({ name: 'password', label: 'Password or token', required: true, type: 'password', autocomplete: 'new-password' })}
      ${submitButton('Save credentials')}
    </form>`,
  )
}

function forgeForm(view: View, project: Project): Html {
  return card(
    'Commit statuses',
    html`<p class="help">
        With a token, commits that webhooks build get the status of their build.
      </p>
      <form class="pf-v6-c-form" method="post" action="${paths.setForgeToken(project)}">
        ${csrfField(view)}
        ${selectField(
          { name: 'forge', label: 'Forge' },
          STATUS_FORGES.map((each) => [each, FORGE_LABELS[each]] as const),
        )}
        ${textField({ name: 'forge_url', label: 'URL of the forge', required: true, type: 'url', placeholder: 'https://github.com' })}
        ${textField({ name: 'api_url', label: 'URL of its API', type: 'url', help: 'Leave empty to use the usual one.' })}
        ${textField({ name: 'token', label: 'Token', required: true, type: 'password', autocomplete: 'new-password' })}
        ${submitButton('Save token')}
      </form>`,
  )
}
