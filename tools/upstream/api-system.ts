/**
 * Serves a frontend with an empty database to upstream's API tests, and creates the objects that they start with.
 *
 * `POST /control` with `{"command": NAME, ...}` runs a command and responds with `{"value": ...}` or `{"error": ...}`; all other paths are
 * the frontend's. `{"command": "reset"}` replaces the database with an empty one.
 */
import { Configuration } from '@copr/contract/configuration'
import { messageOf } from '@copr/process/errors'
import { serveHttp } from '@copr/process/http-server'
import { openTestDb, startTestPostgres } from '@copr/testkit/postgres'
import {
  openFrontendOn,
  type TestFrontend,
} from '../../packages/frontend/src/testing/test-frontend.ts'
import { COMMANDS, isCommand } from './api-commands.ts'

export interface ApiSystem extends AsyncDisposable {
  readonly url: string
}

/** The URLs that upstream's tests expect in responses. */
const SITE = 'http://localhost'
const RESULTS = 'http://copr-be-dev.cloud.fedoraproject.org/results'

export async function startApiSystem(): Promise<ApiSystem> {
  await using stack = new AsyncDisposableStack()
  const postgres = stack.use(await startTestPostgres())
  process.env['COPR_TEST_POSTGRES'] = postgres.url
  let current = await openEmptyFrontend()
  stack.defer(async () => await current[Symbol.asyncDispose]())
  const server = stack.use(
    await serveHttp(
      {
        fetch: async (request, bindings) =>
          new URL(request.url).pathname === '/control'
            ? await control(request)
            : await current.app.fetch(request, bindings),
      },
      { host: '127.0.0.1', port: 0 },
    ),
  )

  async function control(request: Request): Promise<Response> {
    try {
      const value = await runCommand((await request.json()) as Record<string, unknown>)
      return Response.json({ value: value ?? null })
    } catch (error) {
      return Response.json({ error: messageOf(error) })
    }
  }

  async function runCommand({ command, ...args }: Record<string, unknown>): Promise<unknown> {
    if (command === 'reset') {
      await current[Symbol.asyncDispose]()
      current = await openEmptyFrontend()
      return null
    }
    if (!isCommand(command)) throw new Error(`There is no command ${String(command)}`)
    return await COMMANDS[command](current.frontend, args)
  }

  const kept = stack.move()
  return {
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  }
}

async function openEmptyFrontend(): Promise<TestFrontend> {
  const empty = await openTestDb()
  const none = { users: {}, tokens: new Map<string, string>() }
  const { limits, distgit_instances } = Configuration.pick({
    limits: true,
    distgit_instances: true,
  }).parse({})
  return await openFrontendOn(
    { ...empty, made: none as never },
    {
      now: () => new Date(),
      config: {
        public_url: SITE,
        results_url: RESULTS,
        site_name: 'Copr',
        repo_gpgcheck: false,
        distgit_instances,
        limits,
      },
    },
  )
}
