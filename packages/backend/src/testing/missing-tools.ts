import { execFileSync } from 'node:child_process'

/** A reason to skip the tests that need these programs, or false. */
export function missingTools(...names: string[]): string | false {
  const missing = names.filter((name) => !hasTool(name))
  return missing.length > 0 && `${missing.join(', ')} not installed`
}

function hasTool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
