import { MONITOR_FIELDS, MonitorAnswer, MonitorQuery } from '@copr/contract/api/monitor'
import { STATE_NUMBER } from '@copr/contract/states'
import { type MonitorCell, monitorPage } from '@copr/domain/packages/monitor'
import { findProjectDir } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, requiredQuery } from '../http/answer.ts'
import { requireProject } from '../api/find-or-404.ts'

/** Number of packages that are read at a time; the response is streamed. */
const CHUNK = 200

type Field = (typeof MONITOR_FIELDS)[number]

export function monitorRoutes(api: Api): void {
  const { frontend } = api
  const { db, log } = frontend

  answer(api, '/monitor', {
    GET: open(
      {
        summary: 'The latest build of each package in each chroot',
        query: MonitorQuery,
        answer: MonitorAnswer,
      },
      async (c) => {
        const owner = requiredQuery(c, 'ownername')
        const project = await requireProject(db, owner, requiredQuery(c, 'projectname'))
        const dirname = c.req.query('project_dirname') || project.name
        const dir = await findProjectDir(db, project.id, dirname)
        if (!dir)
          throw new CoprError(
            'not_found',
            `Dirname '${dirname}' doesn't exist in '${owner}/${project.name}' copr`,
          )
        const fields = fieldsOf(c.req.queries('additional_fields[]') ?? [])
        const base = `${resultsUrl(frontend.config)}/${project.ownername}/${dir.name}`
        const places = { project_id: project.id, project_dir_id: dir.id }
        // The first packages are read before the response starts, so that a failure can still be reported with an error response.
        const first = await monitorPage(db, { ...places, limit: CHUNK })

        async function* text(): AsyncGenerator<string> {
          yield '{"output": "ok", "message": "Project monitor request successful", "packages": ['
          let page = first
          let separator = ''
          for (;;) {
            for (const { name, cells } of page.packages) {
              const chroots = Object.fromEntries(
                cells.map((cell) => [cell.chroot, presentCell(cell, base, fields)]),
              )
              yield `${separator}${JSON.stringify({ name, chroots })}`
              separator = ','
            }
            if (page.next === undefined) break
            page = await monitorPage(db, { ...places, after: page.next, limit: CHUNK })
          }
          yield ']}'
        }
        c.header('Content-Type', 'application/json')
        return c.body(
          ReadableStream.from(logged(text())).pipeThrough(
            new TextEncoderStream() as unknown as ReadableWritablePair<Uint8Array, string>,
          ),
        )
      },
    ),
  })

  /** Logs an error that occurs while the response is being streamed, when it is too late for an error response. */
  async function* logged(text: AsyncGenerator<string>): AsyncGenerator<string> {
    try {
      yield* text
    } catch (error) {
      log.error({ err: error }, 'Cannot send the rest of the monitor; the response was aborted')
      throw error
    }
  }
}

function fieldsOf(asked: string[]): Set<Field> {
  const unknown = asked.filter((each) => !MONITOR_FIELDS.some((field) => field === each))
  if (unknown.length > 0)
    // This message must match Copr's exactly, because Copr's own tests compare all of it.
    throw new CoprError('invalid', `Wrong additional_fields argument(s): ${unknown.join(', ')}`)
  return new Set(asked as Field[])
}

type Cell = MonitorAnswer['packages'][number]['chroots'][string]

function presentCell(cell: MonitorCell, base: string, fields: Set<Field>): Cell {
  const { build_id, state, pkg_version } = cell
  const dir = cell.result_dir === null ? null : `${base}/${cell.chroot}/${cell.result_dir}`
  return {
    build_id,
    state,
    status: STATE_NUMBER[state],
    pkg_version,
    ...(fields.has('url_build_log')
      ? { url_build_log: logUrl(dir, 'builder-live.log', state, ['running']) }
      : {}),
    ...(fields.has('url_backend_log')
      ? { url_backend_log: logUrl(dir, 'backend.log', state, ['running', 'starting']) }
      : {}),
  }
}

/** The URL of a log, which is compressed after the build; null if there is no log yet. */
function logUrl(
  dir: string | null,
  name: string,
  state: MonitorCell['state'],
  growing: MonitorCell['state'][],
): string | null {
  if (dir === null) return null
  if (growing.includes(state)) return `${dir}/${name}`
  return ['failed', 'succeeded', 'canceled', 'importing'].includes(state)
    ? `${dir}/${name}.gz`
    : null
}
