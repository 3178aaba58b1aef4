import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrimary } from './repository-content.ts'

test('parsePrimary() finds all names that a package can be asked for by', () => {
  const xml = `<metadata><package type="rpm"><name>zlib</name><checksum type="sha256" pkgid="YES">abc</checksum><format>
<rpm:provides><rpm:entry name="pkgconfig(zlib)" flags="EQ"/><rpm:entry name="a&lt;b"/></rpm:provides>
<rpm:requires><rpm:entry name="glibc"/></rpm:requires><rpm:obsoletes><rpm:entry name="libz"/></rpm:obsoletes>
<file>/usr/bin/z</file><file type="dir">/etc/z</file></format></package></metadata>`
  assert.deepEqual(parsePrimary(xml), [
    { digest: 'abc', names: ['zlib', 'pkgconfig(zlib)', 'a<b', 'libz', '/usr/bin/z', '/etc/z'] },
  ])
})
