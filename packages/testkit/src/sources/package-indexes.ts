import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type GemProject, makeGem } from './gem.ts'
import { makePythonArchives, type PythonProject } from './python-project.ts'

/** A Python index with PyPI's JSON API, and a gem index with the compact index of RubyGems. */
export interface PackageIndexes extends Disposable {
  /** Serves both indexes at the URL of the server followed by `prefix`. */
  readonly listener: RequestListener
  addProject(project: PythonProject): Promise<void>
  addGem(gem: GemProject): Promise<void>
  /** Replaces the response of the indexes at a path. */
  answer(path: string, body: string): void
}

export function packageIndexes(prefix = ''): PackageIndexes {
  const dir = mkdtempSync(join(tmpdir(), 'copr-indexes-'))
  const answers = new Map<string, (base: string) => string | Buffer>()
  const gems = new Map<string, string[]>()
  const serveFile = (folder: string, path: string): string => {
    const at = `${folder}/${basename(path)}`
    answers.set(at, () => readFileSync(path))
    return at
  }
  return {
    listener: (request, response) => {
      const path = decodeURIComponent((request.url ?? '').slice(prefix.length))
      const answer = answers.get(path)
      if (answer) response.end(answer(baseOf(request, prefix)))
      else response.writeHead(404).end()
    },
    async addProject(project) {
      const { sdist, wheel, metadata } = await makePythonArchives(project, dir)
      const files = [
        { packagetype: 'bdist_wheel', path: wheel, at: serveFile('/packages', wheel) },
        { packagetype: 'sdist', path: sdist, at: serveFile('/packages', sdist) },
      ]
      answers.set(`/packages/${basename(wheel)}.metadata`, () => metadata)
      const release = (base: string): string =>
        JSON.stringify({
          info: infoOf(project),
          releases: { [project.version]: [] },
          urls: files.map(({ packagetype, path, at }) => ({
            packagetype,
            filename: basename(path),
            url: `${base}${at}`,
            md5_digest: digestOf('md5', path),
            digests: { sha256: digestOf('sha256', path) },
          })),
        })
      answers.set(`/pypi/${project.name}/json`, release)
      answers.set(`/pypi/${project.name}/${project.version}/json`, release)
    },
    async addGem(gem) {
      const path = await makeGem(gem, dir)
      serveFile('/gems', path)
      const line = `${gem.version} |checksum:${digestOf('sha256', path)}`
      const lines = [...(gems.get(gem.name) ?? []), line]
      gems.set(gem.name, lines)
      answers.set(`/info/${gem.name}`, () => ['---', ...lines, ''].join('\n'))
    },
    answer: (path, body) => void answers.set(path, () => body),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

function infoOf({ name, version, license = 'MIT', requires = [] }: PythonProject) {
  return {
    name,
    version,
    summary: 'A project of a test',
    license,
    license_expression: license,
    requires_dist: requires,
    classifiers: [],
    home_page: 'https://example.org',
    description: 'A project of a test',
  }
}

function baseOf(request: IncomingMessage, prefix: string): string {
  return `http://${request.headers.host ?? ''}${prefix}`
}

function digestOf(algorithm: 'md5' | 'sha256', path: string): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex')
}
