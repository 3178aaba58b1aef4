import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import type { BuildAnswer, BuildChrootAnswer } from '@copr/contract/api/builds'
import type { ProjectAnswer } from '@copr/contract/api/projects'
import type { BuildState } from '@copr/contract/states'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { until } from './until.ts'

interface Nevra {
  name: string
  epoch: number | null
  version: string
  release: string
  arch: string
}

export interface Credentials {
  login: string
  token: string
}

interface RawAnswer {
  status: number
  body: Record<string, unknown>
}

/** A minimal client of API v3 that does not retry, so that tests see every response. */
export interface ApiClient {
  readonly url: string
  readonly username: string
  /** Sends any request; returns the response, whatever its status. */
  raw(method: string, path: string, body?: object | FormData): Promise<RawAnswer>
  createProject(name: string, options?: object): Promise<ProjectAnswer>
  uploadBuild(project: string, srpm: string, options?: object): Promise<BuildAnswer>
  urlBuild(project: string, url: string, options?: object): Promise<BuildAnswer>
  build(id: number): Promise<BuildAnswer>
  buildChroot(id: number): Promise<BuildChrootAnswer>
  builtPackages(id: number): Promise<Nevra[]>
  cancel(id: number): Promise<BuildAnswer>
  /** Waits until the build is in one of `states`. */
  waitForState(id: number, states: BuildState[], timeout_ms: number): Promise<BuildAnswer>
  /** Waits until a build has ended, in any state. */
  waitForBuild(id: number, timeout_ms?: number): Promise<BuildAnswer>
  /** Returns the names of the files in the build's results folder. */
  resultFiles(id: number): Promise<string[]>
  /** Returns the builder's log of a running or finished build; empty if there is none yet. */
  log(id: number): Promise<string>
}

const ENDED: BuildState[] = ['succeeded', 'failed', 'canceled', 'skipped', 'forked']

export function apiClient(url: string, username: string, credentials?: Credentials): ApiClient {
  const headers: Record<string, string> = credentials
    ? {
        authorization: `Basic ${Buffer.from(`${credentials.login}:${credentials.token}`).toString('base64')}`,
      }
    : {}

  const raw: ApiClient['raw'] = async (method, path, body) => {
    const isForm = body instanceof FormData
    const response = await fetch(`${url}/api_3/${path}`, {
      method,
      headers: { ...headers, ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
    })
    const text = await response.text()
    try {
      return { status: response.status, body: JSON.parse(text) as Record<string, unknown> }
    } catch {
      throw new Error(
        `${method} ${path} answered ${response.status} and no JSON: ${text.slice(0, 300)}`,
      )
    }
  }

  const call = async (method: string, path: string, body?: object | FormData): Promise<unknown> => {
    const answer = await raw(method, path, body)
    if (answer.status !== 200)
      throw new Error(
        `${method} ${path} answered ${answer.status}: ${String(answer.body['error'])}`,
      )
    return answer.body
  }

  const build: ApiClient['build'] = async (id) => (await call('GET', `build/${id}`)) as BuildAnswer

  const buildChroot: ApiClient['buildChroot'] = async (id) =>
    (await call(
      'GET',
      `build-chroot?build_id=${id}&chrootname=${DISTRO_CHROOT}`,
    )) as BuildChrootAnswer

  const waitForState: ApiClient['waitForState'] = async (id, states, timeout_ms) => {
    let last: BuildAnswer | undefined
    return await until(
      async () => {
        last = await build(id)
        return states.includes(last.state) && last
      },
      {
        timeout_ms,
        what: `build ${id} to be ${states.join(' or ')}`,
        seen: () => last?.state,
        every_ms: 100,
      },
    )
  }

  const resultsOf = async (id: number): Promise<string | null> => {
    const answer = await raw('GET', `build-chroot?build_id=${id}&chrootname=${DISTRO_CHROOT}`)
    return answer.status === 200 ? (answer.body['result_url'] as string | null) : null
  }

  return {
    url,
    username,
    raw,
    build,
    buildChroot,
    waitForState,
    createProject: async (name, options = {}) =>
      (await call('POST', `project/add/${username}`, {
        name,
        chroots: [DISTRO_CHROOT],
        ...options,
      })) as ProjectAnswer,
    uploadBuild: async (project, srpm, options) =>
      (await call(
        'POST',
        'build/create/upload',
        await uploadForm(username, project, srpm, options),
      )) as BuildAnswer,
    urlBuild: async (project, link, options = {}) => {
      const body = { ownername: username, projectname: project, pkgs: [link], ...options }
      const { items } = (await call('POST', 'build/create/url', body)) as { items: BuildAnswer[] }
      const [only] = items
      if (!only) throw new Error('build/create/url answered no build')
      return only
    },
    builtPackages: async (id) => {
      const all = (await call('GET', `build/built-packages/${id}`)) as Record<
        string,
        { packages: Nevra[] }
      >
      return all[DISTRO_CHROOT]?.packages ?? []
    },
    cancel: async (id) => (await call('PUT', `build/cancel/${id}`)) as BuildAnswer,
    waitForBuild: async (id, timeout_ms = 120_000) => await waitForState(id, ENDED, timeout_ms),
    resultFiles: async (id) => {
      const index = await textAt((await resultsOf(id)) ?? '')
      const names = [...index.matchAll(/href="([^"?]+)"/g)].map((match) =>
        decodeURIComponent(match[1] ?? '').replace(/^\.\//, ''),
      )
      return names
        .filter((name) => !name.startsWith('/') && !name.startsWith('..') && !/^https?:/.test(name))
        .toSorted()
    },
    log: async (id) => {
      const results = await resultsOf(id)
      if (results === null) return ''
      // For a finished build, the server redirects to the stored .gz file, which fetch() decodes.
      const response = await fetch(`${results}builder-live.log`)
      return response.ok ? await response.text() : ''
    },
  }
}

/** Returns the form data of an upload, so that a test can also send an invalid upload. */
export async function uploadForm(
  ownername: string,
  projectname: string,
  srpm: string | { name: string; content: Uint8Array<ArrayBuffer> },
  options: object = {},
): Promise<FormData> {
  const form = new FormData()
  const fields = JSON.stringify({ ownername, projectname, ...options })
  form.set('json', new Blob([fields], { type: 'application/json' }), 'json')
  if (typeof srpm === 'string') form.set('pkgs', await openAsBlob(srpm), basename(srpm))
  else form.set('pkgs', new Blob([srpm.content], { type: 'application/x-rpm' }), srpm.name)
  return form
}

export async function textAt(url: string): Promise<string> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return await response.text()
}
