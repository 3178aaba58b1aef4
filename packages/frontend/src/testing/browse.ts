import { openSession } from '@copr/domain/users/sessions'
import { NOW, type TestFrontend } from './test-frontend.ts'

interface Page {
  status: number
  text: string
  location: string | null
  headers: Headers
}

export interface Browser {
  get(path: string): Promise<Page>
  /** Sends a form with the CSRF token of the page at `from`. A field with several values is sent several times. */
  post(path: string, fields: Fields, from?: string): Promise<Page>
}

type Fields = Record<string, string | File | string[]>

/** Opens a minimal browser with its own session. The session is logged in as `as`, if given. */
export async function browse(t: TestFrontend, as?: 'dana' | 'kim' | 'admin'): Promise<Browser> {
  const cookie = as ? `session=${await openSession(t.db, t[as].id, NOW)}` : ''
  const send = async (path: string, init: RequestInit): Promise<Page> => {
    const headers = { cookie, accept: 'text/html' }
    const response = await t.app.request(path, { headers, ...init })
    const { status } = response
    return {
      status,
      text: await response.text(),
      location: response.headers.get('location'),
      headers: response.headers,
    }
  }
  return {
    get: (path) => send(path, {}),
    async post(path, fields, from = '/') {
      const token = /name="csrf_token" value="([^"]+)"/.exec((await send(from, {})).text)?.[1]
      const body = new FormData()
      const all: Fields = { ...(token ? { csrf_token: token } : {}), ...fields }
      for (const [name, value] of Object.entries(all))
        for (const each of Array.isArray(value) ? value : [value]) body.append(name, each)
      return await send(path, { method: 'POST', body })
    },
  }
}
