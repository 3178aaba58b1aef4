import { RpmFormatError } from '@copr/rpm/errors'
import { listFiles } from '@copr/rpm/file-list'
import { readRpmHeaderFromBuffer } from '../../../packages/rpm/src/header.ts'
import {
  checkPackageNames,
  dependencies,
  packageInfo,
} from '../../../packages/rpm/src/package-info.ts'
import { makeRpm } from '../../../packages/rpm/src/testing/make-rpm.ts'
import { pick, type Random } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'

const MAGIC = Buffer.from('8eade80100000000', 'hex')
const INTRO = 16
const ENTRY = 16
const TYPES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xffffffff]
const TAGS = [
  62, 63, 100, 1000, 1001, 1002, 1003, 1022, 1028, 1030, 1044, 1047, 1106, 1116, 1117, 1118, 5008,
  5011,
]
const NUMBERS = [0, 1, 2, 3, 0x10, 0xff, 0xffff, 0x100000, 0x7fffffff, 0xffffffff]

/** Leads and headers of packages, and the values that are read from them. */
export const rpmHeader: FuzzTarget = {
  name: 'rpm-header',
  words: ['\0', 'x86_64', '../', 'hello.spec', '/', 'noarch'],
  seeds: () => [
    makeRpm({
      files: [{ name: 'hello.spec', content: 'Name: hello\n' }],
      requires: ['make', 'gcc >= 3'],
    }),
    makeRpm({ epoch: 3, exclusiveArch: ['x86_64'], excludeArch: ['i686'], compressor: 'identity' }),
    makeRpm({
      sourceRpm: 'hello-1.0-1.src.rpm',
      arch: 'x86_64',
      files: [{ name: 'a', content: 'b' }],
    }),
  ],
  mutate: changeEntry,
  run: async (input) => {
    await refusing(async () => {
      const rpm = await readRpmHeaderFromBuffer(input)
      const info = packageInfo(rpm)
      checkPackageNames(info)
      listFiles(rpm.header)
      for (const kind of ['REQUIRE', 'PROVIDE', 'CONFLICT', 'OBSOLETE'] as const)
        dependencies(rpm.header, kind)
    }, RpmFormatError)
  },
}

/** Changes one number of an index entry, or one of the counts that precede the index; everything else stays consistent. */
function changeEntry(input: Buffer, random: Random): Buffer | undefined {
  const starts: number[] = []
  for (let at = input.indexOf(MAGIC); at >= 0; at = input.indexOf(MAGIC, at + 1)) starts.push(at)
  if (starts.length === 0) return undefined
  const start = pick(starts, random)
  const bytes = Buffer.from(input)
  if (start + INTRO > bytes.length) return undefined
  const count = bytes.readUInt32BE(start + 8)
  if (random(8) === 0 || count === 0) {
    bytes.writeUInt32BE(
      pick([...NUMBERS, count + 1, (count - 1) >>> 0], random) >>> 0,
      start + 8 + 4 * random(2),
    )
    return bytes
  }
  const at = start + INTRO + ENTRY * random(Math.min(count, 500))
  if (at + ENTRY > bytes.length) return undefined
  const field = random(4)
  const old = bytes.readUInt32BE(at + 4 * field)
  const near = [old + 1, old - 1, old * 2, old ^ 4].map((each) => each >>> 0)
  bytes.writeUInt32BE(
    pick(field === 0 ? TAGS : field === 1 ? TYPES : [...NUMBERS, ...near], random),
    at + 4 * field,
  )
  return bytes
}
