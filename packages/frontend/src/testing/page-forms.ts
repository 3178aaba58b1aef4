import { pageName, pageRoutesOf, type PageRoute, pathOfPage } from './page-routes.ts'
import type { Role, Fixture } from './fixture.ts'

/** A form on a page. */
export interface PageForm {
  route: PageRoute
  action: string
  isMultipart: boolean
  /** The fields that a browser sends. Fields that the page leaves empty have values from `TYPED`. */
  values: [name: string, value: string][]
  /** The names of all fields, including unchecked boxes, which browsers do not send. */
  names: string[]
}

/** Values for fields that the page leaves empty but the user must fill in. */
const TYPED: Record<string, string> = {
  name: 'new',
  package_name: 'new',
  username: 'kim',
  chroots: 'fedora-43-x86_64',
  clone_url: 'https://git.example.org/lens.git',
  pypi_package_name: 'lens',
  gem_name: 'lens',
  script: '#!/bin/sh\n',
  chroot: 'fedora-43-x86_64',
  pkgs: 'https://sources.example.org/hello-2.12-1.src.rpm',
  urls: 'https://sources.example.org/hello-2.12-1.src.rpm',
  password: 'a long new password',
  password_again: 'a long new password',
  url: 'https://hooks.example.org/copr',
  verify: 'telescope',
  scopes: 'read',
  forge_url: 'https://git.example.org/',
  token: 'a long new token',
}

/** Finds the forms that a role sees on all pages. If several forms are submitted to the same route, only the first is returned. */
export async function findForms(fixture: Fixture, role: Role): Promise<PageForm[]> {
  const routes = pageRoutesOf(fixture)
  const found = new Map<string, PageForm>()
  const headers = { cookie: fixture.sessionOf(role), accept: 'text/html' }
  for (const path of readablePaths(fixture)) {
    const response = await fixture.t.app.request(path, { headers })
    if (!response.headers.get('content-type')?.includes('html')) continue
    for (const form of formsOf(await response.text(), routes))
      if (!found.has(form.route.path)) found.set(form.route.path, form)
  }
  return [...found.values()]
}

function readablePaths(fixture: Fixture): string[] {
  const pages = pageRoutesOf(fixture).filter(({ method }) => method === 'GET')
  const running = pages
    .filter((page) => pageName(page).startsWith('GET /coprs/:owner/:project/build/'))
    .map((page) => {
      const builds = page.path.startsWith('/coprs/g/') ? fixture.group_builds : fixture
      return pathOfPage(fixture, page, { id: String(builds.running_build) })
    })
  return [...pages.map((page) => pathOfPage(fixture, page)), ...running]
}

function formsOf(html: string, routes: readonly PageRoute[]): PageForm[] {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].flatMap(
    ([, tag = '', inside = '']) => {
      if (attribute(tag, 'method') !== 'post') return []
      const action = attribute(tag, 'action') ?? ''
      const id = attribute(tag, 'id')
      const elsewhere = id === undefined ? '' : fieldsWithForm(html, id)
      const route = routes.find(({ method, path }) => method === 'POST' && isAt(path, action))
      if (!route) throw new Error(`A form is sent to ${action}, which no route handles`)
      const isMultipart = attribute(tag, 'enctype') === 'multipart/form-data'
      return [{ route, action, isMultipart, ...fieldsIn(`${inside}${elsewhere}`) }]
    },
  )
}

function fieldsWithForm(html: string, id: string): string {
  const all = html.match(/<select\b[^>]*>.*?<\/select>|<input\b[^>]*>/gs) ?? []
  return all.filter((field) => field.includes(`form="${id}"`)).join('')
}

function fieldsIn(html: string): Pick<PageForm, 'values' | 'names'> {
  const values: PageForm['values'] = []
  const names = new Set<string>()
  const add = (name: string | undefined, value: string | undefined): void => {
    if (name === undefined) return
    names.add(name)
    if (value !== undefined) values.push([name, value === '' ? (TYPED[name] ?? '') : value])
  }
  for (const [, tag = ''] of html.matchAll(/<input\b([^>]*)>/gs)) {
    const type = attribute(tag, 'type')
    const isSent =
      type !== 'file' && (!['checkbox', 'radio'].includes(type ?? '') || / checked/.test(tag))
    add(attribute(tag, 'name'), isSent ? (attribute(tag, 'value') ?? 'on') : undefined)
  }
  for (const [, tag = '', text = ''] of html.matchAll(/<textarea\b([^>]*)>(.*?)<\/textarea>/gs))
    add(attribute(tag, 'name'), plain(text).replace(/^\n/, ''))
  for (const [, tag = '', options = ''] of html.matchAll(/<select\b([^>]*)>(.*?)<\/select>/gs)) {
    const all = [...options.matchAll(/<option\b([^>]*)>/gs)].map(([, option = '']) => option)
    const chosen = all.find((option) => / selected/.test(option)) ?? all[0] ?? ''
    add(attribute(tag, 'name'), attribute(chosen, 'value') ?? '')
  }
  const marked = new Set(values.map(([name]) => name))
  for (const name of names)
    if (!marked.has(name) && TYPED[name] !== undefined) values.push([name, TYPED[name]])
  return { values, names: [...names] }
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : plain(value)
}

function plain(text: string): string {
  const characters: Record<string, string> = { lt: '<', gt: '>', quot: '"', amp: '&', '#39': "'" }
  return text.replaceAll(/&(lt|gt|quot|amp|#39);/g, (all, name: string) => characters[name] ?? all)
}

/** Whether a route matches a path. */
function isAt(route: string, path: string): boolean {
  const pattern = route.replaceAll(
    /:[a-z_]+(?:\{((?:[^{}]|\{[^}]*\})*)\})?/g,
    (_, inner?: string) => (inner === undefined ? '[^/]+' : `(?:${inner})`),
  )
  return new RegExp(`^${pattern}/?$`).test(path)
}
