import { SITE, type TestFrontend } from './test-frontend.ts'

/** A minimal browser that follows redirects and stores the cookies of each host. */
export class Browser {
  readonly #t: TestFrontend
  readonly cookies = new Map<string, Map<string, string>>()

  constructor(t: TestFrontend) {
    this.#t = t
  }

  async once(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin, pathname, search } = new URL(url)
    const jar = this.cookies.get(origin) ?? new Map<string, string>()
    this.cookies.set(origin, jar)
    const headers = new Headers({ accept: 'text/html' })
    if ((init.method ?? 'GET') !== 'GET') headers.set('origin', origin)
    if (typeof init.body === 'string') headers.set('content-type', 'application/json')
    headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response =
      origin === SITE
        ? await this.#t.app.request(`${pathname}${search}`, { ...init, headers })
        : await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  /** Follows redirects; returns the last response and its URL. */
  async go(
    url: string,
    init?: RequestInit,
  ): Promise<{ url: string; status: number; text: string }> {
    let at = url
    let response = await this.once(at, init)
    for (let hops = 0; hops < 20; hops++) {
      const location = response.headers.get('location')
      if (!location) break
      at = new URL(location, at).href
      response = await this.once(at)
    }
    return { url: at, status: response.status, text: await response.text() }
  }

  async login(next = '/coprs/dana/add/') {
    return await this.go(`${SITE}/oidc_login/?next=${encodeURIComponent(next)}`)
  }

  whoami(): Promise<Response> {
    return this.once(`${SITE}/api_3/auth-check`)
  }
}
