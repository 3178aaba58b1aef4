import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
export async function errorPage(
  c: Context,
  _f: Frontend,
  { status, message }: { status: number; message: string },
): Promise<Response> {
  return c.text(message, status as 404)
}
