import { z } from 'zod'
import { OwnerName, ProjectName } from '../names.ts'
import { Flag, Line } from './form-fields.ts'

export const ForkProject = z.object({
  name: Line.pipe(ProjectName),
  /** The caller, or a group that the caller is in. */
  ownername: Line.pipe(OwnerName),
  /** Required if a project of this name exists already. */
  confirm: Flag.optional(),
})
export type ForkProject = z.output<typeof ForkProject>
