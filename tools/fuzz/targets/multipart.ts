import { CoprError } from '@copr/process/errors'
import { mutateList, pick } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'
import { requireClean, sendForm } from './request.ts'

const WORDS = [
  '\r\n',
  '\r\n\r\n',
  '--x',
  '--x--',
  'Content-Disposition: form-data; name="json"',
  'Content-Disposition: form-data; name="a"; filename="b.xml"',
  "filename*=UTF-8''%e2%82%ac",
  'Content-Type: application/json',
  'Content-Transfer-Encoding: base64',
  '{"name": "telescope"}',
  'name="',
  '\0',
  '\ufeff',
]
const part = (header: string, body: string): string =>
  `--x\r\nContent-Disposition: form-data; ${header}\r\n\r\n${body}\r\n`
const seed = (...parts: string[]): Buffer =>
  Buffer.from(`multipart/form-data; boundary=x\n${parts.join('')}--x--\r\n`)

/** The first line of an input is the content type; the rest is the body. */
export const multipart: FuzzTarget = {
  name: 'multipart',
  words: WORDS,
  seeds: () => [
    seed(part('name="name"', 'telescope'), part('name="chroots"', 'fedora-43-x86_64')),
    seed(
      part('name="json"', '{"projectname": "telescope"}'),
      part('name="pkgs"; filename="a.src.rpm"', 'RPM'),
    ),
    seed(part('name="upload_comps"; filename="comps.xml"', '<comps/>')),
  ],
  mutate: (input, random) => {
    const pieces = input.toString('latin1').split(/(?<=\r\n)|(?=--x)/)
    const fresh = (): string => pick(WORDS, random) + (random(2) === 0 ? '\r\n' : '')
    return Buffer.from(mutateList(pieces, random, fresh).join(''), 'latin1')
  },
  run: async (input) => {
    const end = input.indexOf('\n')
    const type = input.toString('latin1', 0, Math.max(0, end)).replaceAll(/[^\x20-\x7e]/g, '')
    await refusing(
      async () => requireClean(await sendForm(type, input.subarray(end + 1))),
      CoprError,
    )
  },
}
