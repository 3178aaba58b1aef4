import type { FailureCategory } from '@copr/contract/failure'

interface BuildFailureOptions extends ErrorOptions {
  /** A clause that names the limit that the build has reached. */
  exhausted?: string
  /** Default: the category of the first error in the log, or `resources` if the build has reached a limit. */
  category?: FailureCategory
  /** How to fix the failure. Default: the hint for the error in the log or, if there is none, the hint for the category. */
  hint?: string
  /** The requirements that no repository provides. */
  unmet?: string[]
}

/** A failure that the build itself caused. The build's page shows the message as the reason. */
export class BuildFailure extends Error {
  override readonly name = 'BuildFailure'
  /** Whether the build has reached one of its own limits, in which case the machine is certainly not at fault. */
  readonly isExhausted: boolean
  readonly category: FailureCategory | undefined
  readonly hint: string | undefined
  readonly unmet: string[]

  constructor(message: string, options: BuildFailureOptions = {}) {
    const { exhausted, category, hint, unmet = [], ...rest } = options
    super(message, rest)
    this.isExhausted = exhausted !== undefined
    this.category = category ?? (this.isExhausted ? 'resources' : undefined)
    this.hint = hint
    this.unmet = unmet
  }
}
