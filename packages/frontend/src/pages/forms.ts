import { html } from 'hono/html'
import type { Form } from '../http/read-form.ts'
import type { Html, View } from './view.ts'

interface Field {
  name: string
  label: string
  help?: string
  required?: boolean
  type?: 'text' | 'password' | 'file' | 'url' | 'number'
  autocomplete?: string
  placeholder?: string
}

export function csrfField({ csrf }: View): Html {
  return html`<input type="hidden" name="csrf_token" value="${csrf}" />`
}

export function textField(field: Field, values: Form = {}): Html {
  const { name, type = 'text', required = false, autocomplete = 'off', placeholder = '' } = field
  const value = type === 'password' || type === 'file' ? '' : textOf(values[name])
  return group(
    field,
    html`<span class="pf-v6-c-form-control">
      <input
        type="${type}"
        id="${name}"
        name="${name}"
        value="${value}"
        autocomplete="${autocomplete}"
        placeholder="${placeholder}"
        ${required ? 'required' : ''}
      />
    </span>`,
  )
}

/** A file field. It is a plain input, because PatternFly's file upload requires a script. */
export function fileField(field: Field & { accept: string }): Html {
  const { name, accept, required = false } = field
  return group(
    field,
    html`<input
      class="file"
      type="file"
      id="${name}"
      name="${name}"
      accept="${accept}"
      ${required ? 'required' : ''}
    />`,
  )
}

export function areaField(field: Field & { rows?: number }, values: Form = {}): Html {
  const { name, rows = 4, required = false, placeholder = '' } = field
  return group(
    field,
    html`<span class="pf-v6-c-form-control pf-m-textarea pf-m-resize-vertical">
      <textarea
        id="${name}"
        name="${name}"
        rows="${rows}"
        placeholder="${placeholder}"
        ${required ? 'required' : ''}
      >
${textOf(values[name])}</textarea>
    </span>`,
  )
}

export function checkBoxes(
  field: Field,
  choices: { value: string; label: string; isChecked: boolean }[],
): Html {
  return group(
    field,
    html`<div class="checks">
      ${choices.map(
        ({ value, label, isChecked }) =>
          html`<label class="check">
            <input
              type="checkbox"
              name="${field.name}"
              value="${value}"
              ${isChecked ? 'checked' : ''}
            />
            <span>${label}</span>
          </label>`,
      )}
    </div>`,
  )
}

/** A dropdown list of values, each with its label. */
export function selectField(
  field: Field,
  choices: readonly (readonly [value: string, label: string])[],
  values: Form = {},
): Html {
  const chosen = textOf(values[field.name])
  return group(
    field,
    html`<span class="pf-v6-c-form-control">
      <select id="${field.name}" name="${field.name}">
        ${choices.map(
          ([value, label]) =>
            html`<option value="${value}" ${value === chosen ? 'selected' : ''}>${label}</option>`,
        )}
      </select>
    </span>`,
  )
}

/** A single checkbox, with a hidden field that sends `false` if the box is not checked. */
export function flagField(
  field: Field & { text: string; isDisabled?: boolean },
  values: Form = {},
): Html {
  const { name, text, isDisabled = false } = field
  return group(
    field,
    html`${isDisabled ? '' : html`<input type="hidden" name="${name}" value="false" />`}
      <label class="check">
        <input
          type="checkbox"
          id="${name}"
          name="${name}"
          value="true"
          ${lastOf(values[name]) === 'true' ? 'checked' : ''}
          ${isDisabled ? 'disabled' : ''}
        />
        <span>${text}</span>
      </label>`,
  )
}

/** The last of several values. For a checkbox, that is the one that counts, because the hidden `false` precedes the `true`. */
export function lastOf(value: unknown): string | undefined {
  return listOf(value).at(-1)
}

export function submitButton(text: string, kind: 'primary' | 'danger' = 'primary'): Html {
  return html`<div class="pf-v6-c-form__group pf-m-action">
    <div class="pf-v6-c-form__actions">
      <button class="pf-v6-c-button pf-m-${kind}" type="submit">${text}</button>
    </div>
  </div>`
}

/**
 * A form that consists of a single button. If `confirm` is set, a script on the page asks the user this question before the form is sent.
 */
export function postButton(
  view: View,
  { action, text, confirm, kind = 'secondary' }: PostButton,
): Html {
  return html`<form class="inline" method="post" action="${action}" data-confirm="${confirm ?? ''}">
    ${csrfField(view)}
    <button class="pf-v6-c-button pf-m-${kind} pf-m-small" type="submit">${text}</button>
  </form>`
}

export interface PostButton {
  action: string
  text: string
  confirm?: string
  kind?: 'secondary' | 'danger' | 'secondary pf-m-danger'
}

export function listOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

function group({ name, label, help, required }: Field, control: Html): Html {
  return html`<div class="pf-v6-c-form__group">
    <div class="pf-v6-c-form__group-label">
      <label class="pf-v6-c-form__label" for="${name}">
        <span class="pf-v6-c-form__label-text">${label}</span>
        ${required ? html`<span class="pf-v6-c-form__label-required" aria-hidden="true">*</span>` : ''}
      </label>
    </div>
    <div class="pf-v6-c-form__group-control">
      ${control} ${help === undefined ? '' : html`<p class="help">${help}</p>`}
    </div>
  </div>`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : listOf(value).join('\n')
}
