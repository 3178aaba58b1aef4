import { sourceNameFault } from '@copr/rpm/source-name'
import { BuildFailure } from '../build-failure.ts'

export interface SourceEntry {
  algorithm: 'md5' | 'sha512'
  hex: string
  fileName: string
}

const OLD = /^([0-9a-fA-F]{32})\s+(\S.*)$/
const NEW = /^(MD5|SHA512) \((.+)\) = ([0-9a-fA-F]+)$/
const HEX_LENGTH = { md5: 32, sha512: 128 }
const MAX_ENTRIES = 1000

/** Parses dist-git's list of files in the lookaside cache, one per line: `MD5  NAME` or `SHA512 (NAME) = DIGEST`. */
export function parseSourceList(text: string): SourceEntry[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length > MAX_ENTRIES)
    throw new BuildFailure(`Cannot read the sources file: it has more than ${MAX_ENTRIES} lines`, {
      category: 'prep',
    })
  return lines.map(parseLine)
}

function parseLine(line: string): SourceEntry {
  const older = OLD.exec(line)
  const newer = NEW.exec(line)
  const [algorithm, hex, fileName] = older
    ? (['md5', older[1], older[2]] as const)
    : ([newer?.[1] === 'SHA512' ? 'sha512' : 'md5', newer?.[3], newer?.[2]] as const)
  if (!hex || !fileName || hex.length !== HEX_LENGTH[algorithm])
    throw new BuildFailure(
      `Cannot read the sources file: expected a digest and a file name, found ${JSON.stringify(line.slice(0, 200))}`,
      { category: 'prep' },
    )
  checkSourceName(fileName)
  return { algorithm, hex: hex.toLowerCase(), fileName }
}

/** Throws a BuildFailure for a name that no source file may have. */
export function checkSourceName(name: string): void {
  const fault = sourceNameFault(name)
  if (fault)
    throw new BuildFailure(
      `Cannot use the source file ${JSON.stringify(name)}: its name ${fault}`,
      { category: 'prep' },
    )
}
