import { BuildFailure } from '../build-failure.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'

/** Returns the failure of a program that belongs to the source, with the last line of its output. */
export function scriptFailure(
  program: string,
  { code, exhausted, output }: SandboxExit,
): BuildFailure {
  if (exhausted !== undefined)
    return new BuildFailure(`${program} exited with code ${code} because ${exhausted}`, {
      exhausted,
    })
  const last = output.trimEnd().split('\n').at(-1)?.trim().slice(0, 300) ?? ''
  return new BuildFailure(`${program} exited with code ${code}${last === '' ? '' : `: ${last}`}`, {
    category: 'prep',
    hint: 'The end of the log shows what it printed.',
  })
}
