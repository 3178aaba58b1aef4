import { html } from 'hono/html'
import type { Form } from '../http/read-form.ts'
import { areaField, flagField, selectField, textField } from '../pages/forms.ts'
import type { Html } from '../pages/view.ts'

/** The boolean settings of a project. */
export const PROJECT_FLAGS = [
  'devel_mode',
  'unlisted_on_hp',
  'enable_net',
  'auto_prune',
  'follow_fedora_branching',
  'multilib',
  'module_hotfixes',
  'appstream',
  'fedora_review',
  'rpmlint',
] as const

/** Form fields for all settings of a project except its name and chroots, in groups. */
export function projectFields({ values, isAdmin }: { values: Form; isAdmin: boolean }): Html {
  return html`${group('About')}
  ${areaField({ name: 'description', label: 'Description', help: 'What the project contains, and who it is for. Markdown.' }, values)}
  ${areaField({ name: 'instructions', label: 'Instructions', help: 'What users need to know. Markdown.' }, values)}
  ${textField({ name: 'homepage', label: 'Home page', type: 'url', placeholder: 'https://' }, values)}
  ${textField({ name: 'contact', label: 'Contact', help: 'An email address or a URL.' }, values)}
  ${flagField({ name: 'unlisted_on_hp', label: 'Front page', text: 'Do not list the project on the front page' }, values)}
  ${group('Builds')}
  ${areaField({ name: 'additional_repos', label: 'Additional repositories', rows: 2, help: 'Used during builds. One URL or copr://owner/project per line.' }, values)}
  ${flagField({ name: 'enable_net', label: 'Network', text: 'Builds may use the network' }, values)}
  ${selectField(
    { name: 'bootstrap', label: 'Bootstrap', help: 'How mock prepares the buildroot.' },
    [
      ['default', 'default'],
      ['on', 'on'],
      ['off', 'off'],
      ['image', 'image'],
    ],
    values,
  )}
  ${selectField(
    { name: 'isolation', label: 'Isolation', help: 'How mock isolates builds.' },
    [
      ['default', 'default'],
      ['nspawn', 'nspawn'],
      ['simple', 'simple'],
    ],
    values,
  )}
  ${flagField({ name: 'rpmlint', label: 'rpmlint', text: 'Check the packages with rpmlint after builds' }, values)}
  ${flagField({ name: 'fedora_review', label: 'Review', text: 'Run fedora-review after builds for Fedora' }, values)}
  ${flagField({ name: 'follow_fedora_branching', label: 'New Fedora releases', text: 'Enable their chroots when they branch from Rawhide' }, values)}
  ${areaField({ name: 'packit_forge_projects_allowed', label: 'Packit projects', rows: 2, help: 'Forge projects that may build here. One per line, such as github.com/owner/name.' }, values)}
  ${group('Repositories')}
  ${flagField({ name: 'devel_mode', label: 'Publishing', text: 'Create repositories only on request' }, values)}
  ${areaField({ name: 'runtime_dependencies', label: 'Runtime dependencies', rows: 2, help: 'Other repositories that users need. One URL or copr://owner/project per line.' }, values)}
  ${textField({ name: 'repo_priority', label: 'Priority', type: 'number', help: 'Priority in dnf: 1 is the highest, 99 the default.' }, values)}
  ${flagField({ name: 'multilib', label: 'Multilib', text: 'Offer 32-bit packages next to 64-bit ones' }, values)}
  ${flagField({ name: 'module_hotfixes', label: 'Modules', text: 'Offer packages regardless of the enabled modules' }, values)}
  ${flagField({ name: 'appstream', label: 'AppStream', text: 'Add AppStream metadata' }, values)}
  ${group('Removal')}
  ${flagField(
    {
      name: 'auto_prune',
      label: 'Old builds',
      text: 'Delete builds that newer ones have replaced',
      isDisabled: !isAdmin,
      ...(isAdmin
        ? {}
        : { help: 'Only administrators can change this, because old builds use disk space.' }),
    },
    values,
  )}
  ${textField({ name: 'delete_after_days', label: 'Days until the project is deleted', type: 'number', help: 'At most 720. Leave empty to keep the project.' }, values)}`
}

function group(title: string): Html {
  return html`<h2 class="pf-v6-c-title pf-m-lg">${title}</h2>`
}
