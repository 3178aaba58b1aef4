/** A failure that the build itself caused. The build's page shows the message as the reason. */
export class BuildFailure extends Error {
  override readonly name = 'BuildFailure'
  /** Whether the build reached one of its own limits, so that the machine is certainly not at fault. */
  readonly isExhausted: boolean

  constructor(message: string, options: ErrorOptions & { exhausted?: string } = {}) {
    const { exhausted, ...rest } = options
    super(message, rest)
    this.isExhausted = exhausted !== undefined
  }
}
