import { html } from 'hono/html'
import type { Form } from '../http/read-form.ts'
import { checkBoxes, listOf, selectField, textField } from '../pages/forms.ts'
import type { Html, View } from '../pages/view.ts'

const BOOTSTRAP = [
  ['unchanged', 'Same as the chroot'],
  ['default', 'Site default'],
  ['on', 'On'],
  ['off', 'Off'],
  ['image', 'From an image'],
] as const
const ISOLATION = [
  ['unchanged', 'Same as the chroot'],
  ['default', 'Site default'],
  ['nspawn', 'nspawn'],
  ['simple', 'simple'],
] as const
const NETWORK = [
  ['', 'Same as the project'],
  ['true', 'On'],
  ['false', 'Off'],
] as const

/** Renders the form fields that builds have whatever their source type. */
export function buildOptionFields(
  { frontend }: View,
  chroots: { name: string }[],
  values: Form,
): Html {
  const wanted = listOf(values['chroots'])
  const choices = chroots.map(({ name }) => ({
    value: name,
    label: name,
    isChecked: wanted.includes(name),
  }))
  const placeholder = String(frontend.config.limits.default_timeout_seconds)
  const seconds = { name: 'timeout', label: 'Timeout in seconds', type: 'number' as const }
  return html`${checkBoxes({ name: 'chroots', label: 'Build for', help: 'If you choose none, the build runs in all of them.' }, choices)}
    ${textField({ ...seconds, placeholder }, values)}
    ${checkBoxes({ name: 'background', label: 'Priority' }, [
      {
        value: 'true',
        label: 'Low priority: after other builds',
        isChecked: values['background'] === 'true',
      },
    ])}
    ${selectField({ name: 'enable_net', label: 'Network access during the build' }, NETWORK, values)}
    <details>
      <summary>More options</summary>
      ${textField({ name: 'exclude_chroots', label: 'Excluded chroots', help: 'Names or patterns, separated by spaces.' }, values)}
      ${textField({ name: 'project_dirname', label: 'Directory', placeholder: 'PROJECT:custom:NAME', help: 'Leave empty to build in the project’s main directory.' }, values)}
      ${selectField({ name: 'bootstrap', label: 'Bootstrap' }, BOOTSTRAP, values)}
      ${selectField({ name: 'isolation', label: 'Isolation' }, ISOLATION, values)}
      ${textField({ name: 'after_build_id', label: 'Start after the batch of build', type: 'number', help: 'Waits until all builds of that batch have finished.' }, values)}
      ${textField({ name: 'with_build_id', label: 'Add to the batch of build', type: 'number' }, values)}
    </details>`
}

/** Removes `enable_net` if it is empty, which means that the user did not choose a value. */
export function withoutOpenOptions(form: Form): Form {
  return form['enable_net'] === '' ? { ...form, enable_net: undefined } : form
}
