import { z } from 'zod'
import { STATE_NUMBER, type BuildState } from '../states.ts'
import { ProjectQuery } from './projects.ts'

export const MONITOR_FIELDS = ['url_build_log', 'url_backend_log', 'url_build'] as const

export const MonitorQuery = ProjectQuery.extend({
  project_dirname: z.string().optional(),
  /** May occur several times. */
  'additional_fields[]': z.enum(MONITOR_FIELDS).optional(),
})

export const MonitorAnswer = z.strictObject({
  output: z.literal('ok'),
  message: z.string(),
  packages: z.array(
    z.strictObject({
      name: z.string(),
      chroots: z.record(
        z.string(),
        z.strictObject({
          build_id: z.number().int(),
          state: z.enum(Object.keys(STATE_NUMBER) as [BuildState, ...BuildState[]]),
          /** The number of the state. */
          status: z.number().int(),
          pkg_version: z.string().nullable(),
          url_build_log: z.string().nullable().optional(),
          url_backend_log: z.string().nullable().optional(),
        }),
      ),
    }),
  ),
})
export type MonitorAnswer = z.infer<typeof MonitorAnswer>
