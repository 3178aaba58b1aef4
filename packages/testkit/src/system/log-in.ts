import assert from 'node:assert/strict'
import { type ApiClient, apiClient } from './api-client.ts'

/**
 * Logs in as an administrator would: sets a password on the page behind the link that a deployment printed, and creates a token on the API
 * token page.
 */
export async function logInByLink(
  link: string,
  { url, password }: { url: string; password: string },
): Promise<ApiClient> {
  const form = new URLSearchParams({ password, password_again: password })
  const entered = await fetch(link, { method: 'POST', body: form, redirect: 'manual' })
  assert.equal(entered.status, 303, await entered.text())
  const cookie = entered.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const shown = await (await fetch(`${url}/api`, { headers: { cookie } })).text()
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(shown)?.[1] ?? ''
  const made = await fetch(`${url}/api/new`, {
    method: 'POST',
    headers: { cookie },
    body: new URLSearchParams({ csrf_token }),
  })
  const text = await made.text()
  const field = (name: string): string =>
    new RegExp(`^(?:.*>)?${name} = (\\S+?)(?:<.*)?$`, 'm').exec(text)?.[1] ?? ''
  const credentials = { login: field('login'), token: field('token') }
  assert.ok(credentials.login && credentials.token, text)
  return apiClient(url, field('username'), credentials)
}
