import { RpmFormatError } from '@copr/rpm/errors'
import { readCpio } from '../../../packages/rpm/src/cpio.ts'
import { cpioArchive } from '../../../packages/rpm/src/testing/make-cpio.ts'
import { mutateList, pick, type Random } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'

const FILES = [
  { name: 'hello.spec', content: 'Name: hello\n' },
  { name: 'hello-1.0.tar', content: 'x'.repeat(700) },
]
const LIMITS = { maxFiles: 20, maxFileSize: 100_000, maxTotalSize: 300_000 }
const LISTED = FILES.map(({ name, content }) => ({
  path: name,
  size: content.length,
  mode: 0o100644,
  mtime: 0,
  flags: 0,
  digest: '',
  digestAlgorithm: undefined,
}))
const FIELDS = 13
const NUMBERS = [
  '00000000',
  '00000001',
  '00000fff',
  '00001000',
  '7fffffff',
  'ffffffff',
  '-0000001',
  '0000000g',
]

/** Archives as they occur in payloads, read in chunks of odd sizes. */
export const cpio: FuzzTarget = {
  name: 'cpio',
  words: ['070701', '070702', '07070X00000001', 'TRAILER!!!', '\0', '../', '/etc/passwd', './'],
  seeds: () => [cpioArchive(FILES, false), cpioArchive(FILES, true), cpioArchive([], false)],
  mutate: (input, random) =>
    random(2) === 0 ? changeField(input, random) : changeMembers(input, random),
  run: async (input) => {
    let files = 0
    let total = 0
    await refusing(async () => {
      for await (const entry of readCpio(pieces(input), {
        label: 'x',
        files: LISTED,
        limits: LIMITS,
      })) {
        files++
        // The content of every third file is not read, because readers may skip it.
        if (files % 3 === 0) continue
        let size = 0
        for await (const chunk of entry.data) size += chunk.length
        if (size !== entry.size) throw new Error(`${size} bytes of ${entry.size} came`)
        total += size
      }
    }, RpmFormatError)
    if (files > LIMITS.maxFiles || total > LIMITS.maxTotalSize)
      throw new Error(`It gives ${files} files of ${total} bytes`)
  },
}

async function* pieces(input: Buffer): AsyncGenerator<Buffer> {
  const size = 1 + (input.length % 97)
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size)
}

function members(input: Buffer): Buffer[] {
  const starts = [...input.toString('latin1').matchAll(/07070[12X]/g)].map(({ index }) => index)
  return starts.map((start, i) => input.subarray(start, starts[i + 1] ?? input.length))
}

function changeMembers(input: Buffer, random: Random): Buffer | undefined {
  const list = members(input)
  if (list.length === 0) return undefined
  return Buffer.concat(mutateList(list, random, () => pick(list, random)))
}

function changeField(input: Buffer, random: Random): Buffer | undefined {
  const starts = [...input.toString('latin1').matchAll(/07070[12]/g)].map(({ index }) => index)
  if (starts.length === 0) return undefined
  const at = pick(starts, random) + 6 + 8 * random(FIELDS)
  if (at + 8 > input.length) return undefined
  const bytes = Buffer.from(input)
  bytes.write(pick(NUMBERS, random), at, 'latin1')
  return bytes
}
