import { readFileSync } from 'node:fs'
import { TOPDIR } from '../../roots/build-folders.ts'
import type { SourceWork } from '../make-srpm.ts'
import { scriptFailure } from '../script-failure.ts'

const EXPAND = readFileSync(new URL('auto-macros.sh', import.meta.url), 'utf8')

/**
 * Defines the macros %autorelease and %autochangelog of a spec as rpmautospec does: the release is the number of commits since the version
 * changed. Returns the path of the new spec file, or of the old one if it uses neither macro.
 */
export async function expandAutoMacros(
  { run }: SourceWork,
  { top, spec }: { top: string; spec: string },
): Promise<string> {
  const exit = await run(['/bin/sh', '-c', EXPAND, 'sh', top, spec, `${TOPDIR}/SPECS`], {
    network: 'none',
    shown: 'Looking for %autorelease and %autochangelog',
  })
  if (exit.code !== 0) throw scriptFailure('expanding %autorelease', exit)
  return /^expanded: (.*)$/m.exec(exit.output)?.[1] ?? spec
}
