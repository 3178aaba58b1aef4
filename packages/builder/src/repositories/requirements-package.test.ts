import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineFilter } from './line-filter.ts'
import { withoutPackage } from './requirements-package.ts'

const NAME = 'requires-0123456789abcdef'
const shown = (line: string): string | undefined => withoutPackage(line, NAME)

for (const [line, want] of [
  [
    `  - nothing provides zlib-devel > 99 needed by ${NAME}-1-1.noarch from @commandline`,
    '  - nothing provides zlib-devel > 99',
  ],
  [`  - nothing provides a needed by ${NAME}-17-1-1.noarch`, '  - nothing provides a'],
  [`  - nothing provides a needed by ${NAME}-0:1-1.noarch`, '  - nothing provides a'],
  [
    ` Problem 2: package ${NAME}-3-1-1.noarch from @commandline requires foo, but none of the providers can be installed`,
    ' Problem 2: the build requires foo, but none of the providers can be installed',
  ],
  [`  (a or b) is needed by ${NAME}-1-1.noarch`, '  (a or b) is needed by the build'],
  [`  make-4.3-4.1.x86_64     ${NAME}-1-1.noarch   `, '  make-4.3-4.1.x86_64        '],
  [
    '  - nothing provides libx.so needed by foo-1-1.noarch',
    '  - nothing provides libx.so needed by foo-1-1.noarch',
  ],
  [
    ' make         x86_64   4.3-4.1     copr-mini     142 k',
    ' make         x86_64   4.3-4.1     copr-mini     142 k',
  ],
  ['', ''],
] as const)
  test(`withoutPackage() keeps ${JSON.stringify(line.slice(0, 50))}`, () =>
    assert.equal(shown(line), want))

for (const line of [
  ` ${NAME}   noarch        1-1                       @commandline      5.0 k`,
  ` ${NAME}`,
  '                noarch    1-1     @commandline      5.0 k',
  `  Installing       : ${NAME}-1-1.noarch                                         6/6 `,
  `  Verifying        : ${NAME}-1-1.noarch                                         6/6 `,
  `  ${NAME}-1-1.noarch   `,
])
  test(`withoutPackage() drops ${JSON.stringify(line.slice(0, 50))}`, () =>
    assert.equal(shown(line), undefined))

test('lineFilter() passes on whole lines, however the output is divided into chunks', () => {
  const written: string[] = []
  const filter = lineFilter(
    (line) => (line.includes('secret') ? undefined : line.toUpperCase()),
    (text) => void written.push(text),
  )
  for (const byte of Buffer.from('grün\nsecret\n\nend')) filter.write(Buffer.from([byte]))
  assert.equal(written.join(''), 'GRÜN\n\n')
  filter.end()
  assert.equal(written.join(''), 'GRÜN\n\nEND')
})

test('lineFilter() does not buffer output that has no line breaks', () => {
  let length = 0
  const filter = lineFilter(
    (line) => line,
    (text) => void (length += text.length),
  )
  for (let i = 0; i < 100; i++) filter.write(Buffer.alloc(64 * 1024, 'x'))
  assert.ok(length > 6_000_000, `${length}`)
})
