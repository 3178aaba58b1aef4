import { startTestPostgres, type TestServer } from './postgres.ts'

let server: TestServer | undefined

/**
 * Called by node's test runner, once for all test files.
 * @public
 */
export async function globalSetup(): Promise<void> {
  server = await startTestPostgres()
  process.env['COPR_TEST_POSTGRES'] = server.url
}

/** @public */
export async function globalTeardown(): Promise<void> {
  await server?.[Symbol.asyncDispose]()
}
