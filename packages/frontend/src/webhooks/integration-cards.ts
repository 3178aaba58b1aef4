import { PULL_REQUESTS, type PullRequests } from '@copr/contract/api/webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import { html } from 'hono/html'
import { csrfField, flagField, postButton, selectField, submitButton } from '../pages/forms.ts'
import { alert, card, code } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'
import type { Forge } from './forges/forges.ts'

export function withoutSecret(view: View, project: Project): Html {
  return card(
    'Webhooks',
    html`<p>
        With a webhook, your forge starts a build after each push. The webhook URL contains a
        secret, which this project does not have yet.
      </p>
      ${postButton(view, { action: paths.newWebhookSecret(project), text: 'Create webhook URLs' })}`,
  )
}

/** Tells users where each forge has its webhook settings. The code does not compile if a forge is missing here. */
const SETTINGS: Record<Forge, { title: string; where: string }> = {
  github: {
    title: 'GitHub',
    where:
      'Settings → Webhooks → Add webhook: content type application/json, events pushes, branch or tag creation, and pull requests',
  },
  gitlab: {
    title: 'GitLab',
    where: 'Settings → Webhooks: push events, tag push events and merge request events',
  },
  bitbucket: {
    title: 'Bitbucket',
    where:
      'Repository settings → Webhooks: repository push, which includes tags; pull request created and updated',
  },
  forgejo: {
    title: 'Forgejo and Gitea',
    where:
      'Settings → Webhooks → Add webhook: events push, create, and pull request with its updates',
  },
}

export function urlCards(view: View, project: Project, secret: string): Html {
  const { public_url } = view.frontend.config
  const url = (kind: string, rest = '') =>
    `${public_url}/webhooks/${kind}/${project.id}/${secret}/${rest}`
  return html`<p class="lead">
      Packages with the source <em>SCM</em> and <em>auto-rebuild</em> are built when their
      repository changes. Pull requests are built into directories of their own.
    </p>
    ${Object.entries(SETTINGS).map(([forge, { title, where }]) =>
      card(
        title,
        html`${code(forge, url(forge))}
          <p class="help">${where}</p>`,
      ),
    )}
    ${card(
      'Other systems',
      html`${code('custom', `curl -X POST --data-binary @payload ${url('custom', 'PACKAGE/')}`)}
        <p class="help">
          Builds the package, regardless of its source, and returns the build ID.
        </p>`,
    )}
    ${card(
      'Webhook secret',
      html`<p class="help">
          Anyone who knows these URLs can trigger builds, unless signatures are required.
        </p>
        ${postButton(view, {
          action: paths.newWebhookSecret(project),
          text: 'Replace secret',
          confirm: 'The URLs above will stop working. Create new ones?',
          kind: 'secondary pf-m-danger',
        })}`,
    )}`
}

const PULL_REQUEST_LABELS: Record<PullRequests, string> = {
  all: 'from all repositories',
  own: "only from the package's own repository",
  none: 'none',
}

/** Renders the settings for received webhooks. Signatures can be required only once there is a signing secret. */
export function signingCard(view: View, project: Project, hasSecret: boolean): Html {
  const values = {
    signed_only: String(project.webhook_signed_only),
    pull_requests: project.webhook_pull_requests,
  }
  return card(
    'Signatures and pull requests',
    html`<p class="help">
        ${hasSecret ? 'The project has a signing secret.' : 'The project has no signing secret.'}
        Enter it as the secret of the webhook in your forge, which then signs each delivery. In
        GitLab it is the signing token.
      </p>
      ${postButton(view, {
        action: paths.newSigningSecret(project),
        text: hasSecret ? 'Replace signing secret' : 'Create signing secret',
        ...(hasSecret
          ? { confirm: 'Deliveries signed with the current secret will be refused. Replace it?' }
          : {}),
      })}
      <form class="pf-v6-c-form" method="post" action="${paths.webhookSettings(project)}">
        ${csrfField(view)}
        ${flagField(
          {
            name: 'signed_only',
            label: 'Signatures',
            text: 'Accept only signed deliveries, each of them once',
            isDisabled: !hasSecret,
            ...(hasSecret ? {} : { help: 'Create a signing secret first.' }),
          },
          values,
        )}
        ${selectField(
          {
            name: 'pull_requests',
            label: 'Build pull requests',
            help: 'Builds run code from the pull request, in a directory that expires.',
          },
          PULL_REQUESTS.map((each) => [each, PULL_REQUEST_LABELS[each]] as const),
          values,
        )}
        ${submitButton('Save')}
      </form>`,
  )
}

export function newSigningSecret(secret: string): Html {
  return alert(
    'success',
    'New signing secret. It will not be shown again',
    code('signing_secret', secret),
  )
}
