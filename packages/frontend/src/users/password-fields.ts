import { CoprError } from '@copr/process/errors'
import { html } from 'hono/html'
import type { Form } from '../http/read-form.ts'
import { textField } from '../pages/forms.ts'
import type { Html } from '../pages/view.ts'

/** A hidden field that tells password managers the user name. */
export function userNameField(username: string): Html {
  return html`<input
    type="text"
    name="username"
    value="${username}"
    autocomplete="username"
    hidden
  />`
}

/** Fields for a new password and its confirmation. */
export function newPasswordFields(): Html {
  const field = { required: true, type: 'password', autocomplete: 'new-password' } as const
  const help = 'At least 10 characters'
  return html`${textField({ name: 'password', label: 'New password', help, ...field })}
  ${textField({ name: 'password_again', label: 'Repeat the new password', ...field })}`
}

export function newPasswordOf(form: Form): string {
  const { password, password_again } = form
  if (typeof password !== 'string') throw new CoprError('invalid', 'password: is required')
  if (password !== password_again)
    throw new CoprError('invalid', 'Cannot set the password: the two entries do not match')
  return password
}
