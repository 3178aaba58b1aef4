import { Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
export function pageRoutes(_frontend: Frontend): Hono {
  return new Hono()
}
