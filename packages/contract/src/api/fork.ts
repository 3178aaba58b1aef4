import { z } from 'zod'
import { OwnerName, ProjectName } from '../names.ts'
import { Flag, Line } from './form-fields.ts'

export const ForkProject = z.object({
  name: Line.pipe(ProjectName),
  /** The caller, or a group of theirs. */
  ownername: Line.pipe(OwnerName),
  /** Needed when there is such a project already. */
  confirm: Flag.optional(),
})
export type ForkProject = z.output<typeof ForkProject>
