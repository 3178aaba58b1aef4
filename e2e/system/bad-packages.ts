import { SIGNATURE_TAG, TAG } from '@copr/rpm/tags'
import { int64, type MadeFile, type MadeRpm, makeRpm } from '@copr/rpm/testing/make-rpm'

const SPEC: MadeFile = { name: 'hello.spec', content: 'Name: hello\nVersion: 1.0\nRelease: 1\n' }
/** A string that is in every malicious name in these packages. It must not appear in any path. */
export const MARK = 'evil-mark'
export const MIB = 1024 * 1024

/** Returns a source package that is valid except for the given changes. */
export const whole = (rpm: MadeRpm = {}): Buffer => makeRpm({ files: [SPEC], ...rpm })
const withFile = (file: MadeFile): Buffer => makeRpm({ files: [SPEC, file] })

/** Packages that are refused at once, without a build. */
export const REFUSED: { title: string; name?: string; content: () => Buffer; message: RegExp }[] = [
  { title: 'an empty file', content: () => Buffer.alloc(0), message: /empty/ },
  {
    title: 'a file that is not an RPM',
    content: () => Buffer.from('just some text\n'.repeat(100)),
    message: /not an RPM|lead|magic/i,
  },
  {
    title: 'a file cut off within its header',
    content: () => whole().subarray(0, 200),
    message: /truncated|ends|short|incomplete/i,
  },
  {
    title: 'a file cut off within its payload',
    content: () => cutOff(20),
    message: /truncated|should have \d+ bytes, not \d+/,
  },
  {
    title: 'a binary RPM',
    name: 'hello-1.0-1.noarch.rpm',
    content: () => whole({ sourceRpm: 'hello-1.0-1.src.rpm' }),
    message: /binary RPM/,
  },
  {
    title: 'a binary RPM with the name of a source package',
    content: () => whole({ sourceRpm: 'hello-1.0-1.src.rpm' }),
    message: /binary RPM/,
  },
  {
    title: 'a size of 2^63 - 1 bytes',
    content: () => whole({ signatureEntries: [int64(SIGNATURE_TAG.LONGSIZE, [2n ** 63n - 1n])] }),
    message: /truncated|size|large|bytes/i,
  },
  {
    title: 'a name with ../',
    content: () => withFile({ name: `../../${MARK}`, content: 'x' }),
    message: /the file name .* contains '\/'/,
  },
  {
    title: 'an absolute name',
    content: () => withFile({ name: `/tmp/${MARK}`, content: 'x' }),
    message: /the file name .* contains '\/'/,
  },
  {
    title: 'a name with a newline',
    content: () => withFile({ name: `${MARK}\nname`, content: 'x' }),
    message: /the file name .* contains a control character/,
  },
  {
    title: 'a name with a leading -',
    content: () => withFile({ name: `-${MARK}`, content: 'x' }),
    message: /the file name .* starts with '-'/,
  },
  {
    title: 'a package name with ../',
    content: () => whole({ name: `../${MARK}` }),
    message: /name/,
  },
  {
    title: 'a package name with a newline',
    content: () => whole({ name: `${MARK}\nname` }),
    message: /name/,
  },
  {
    title: 'a package name with a leading -',
    content: () => whole({ name: `-${MARK}` }),
    message: /name/,
  },
  {
    title: 'a version with a slash',
    content: () => whole({ version: `1/../../${MARK}` }),
    message: /version/i,
  },
  {
    title: 'no spec file',
    content: () => makeRpm({ files: [{ name: 'a.txt', content: 'a' }] }),
    message: /no spec file/,
  },
  {
    title: 'two files marked as the spec file',
    content: () => withFile({ name: 'other.spec', content: 'Name: other\n' }),
    message: /2 files marked as its spec file/,
  },
  {
    title: 'an upload with a path for a name',
    name: `../../${MARK}.src.rpm`,
    content: () => whole(),
    message: /file name/,
  },
  {
    title: 'an upload with a leading - in its name',
    name: `-${MARK}.src.rpm`,
    content: () => whole(),
    message: /file name/,
  },
  {
    title: 'an empty spec file',
    name: 'hello.spec',
    content: () => Buffer.alloc(0),
    message: /the file is empty/,
  },
]

/** Packages whose header is valid, but whose other defects the import detects; the build then fails. */
export const FAILED: { title: string; content: () => Buffer; reason: RegExp }[] = [
  {
    title: 'a payload with ../',
    content: () => withFile({ name: `../../${MARK}`, content: 'x', isListed: false }),
    reason: /contains '\/'|not in the header/,
  },
  {
    title: 'a payload with an absolute name',
    content: () => withFile({ name: `/tmp/${MARK}`, content: 'x', isListed: false }),
    reason: /contains '\/'|not in the header/,
  },
  {
    title: 'a payload with a NUL in a name',
    content: () => withFile({ name: `${MARK}\0name`, content: 'x', isListed: false }),
    reason: /name|NUL|control/i,
  },
  {
    title: 'a payload with a newline in a name',
    content: () => withFile({ name: `${MARK}\nname`, content: 'x', isListed: false }),
    reason: /control character/,
  },
  {
    title: 'a payload with a leading -',
    content: () => withFile({ name: `-${MARK}`, content: 'x', isListed: false }),
    reason: /starts with '-'/,
  },
  {
    title: 'a payload with a second spec',
    content: () => withFile({ name: `${MARK}.spec`, content: 'x', isListed: false }),
    reason: /not in the header|two spec/,
  },
  {
    title: 'a payload without the spec',
    content: () => makeRpm({ files: [{ ...SPEC, isArchived: false }] }),
    reason: /lacks|no spec/,
  },
  {
    title: 'a symbolic link in the payload',
    content: () => withFile({ name: MARK, content: '/etc/passwd', mode: 0o120777 }),
    reason: /not a regular file/,
  },
  {
    title: 'a damaged payload',
    content: () => whole({ payload: Buffer.from('no archive at all') }),
    reason: /payload|compress|gzip|decompress|archive/i,
  },
  {
    title: 'more data than may be unpacked',
    content: () => bomb(),
    reason: /limit|larger|more than|too (large|big)/i,
  },
  { title: 'a file of 2^62 bytes', content: () => hugeFile(), reason: /bytes|limit|size|large/i },
]

function cutOff(bytes: number): Buffer {
  const content = whole({ files: [SPEC, { name: 'a.bin', content: Buffer.alloc(1000, 7) }] })
  return content.subarray(0, content.length - bytes)
}

/** Returns a small package whose contents are large when extracted. */
function bomb(): Buffer {
  return withFile({ name: 'zeros.bin', content: Buffer.alloc(96 * MIB) })
}

function hugeFile(): Buffer {
  return makeRpm({
    files: [SPEC],
    headerEntries: [int64(TAG.LONGFILESIZES, [2n ** 62n])],
    without: [TAG.FILESIZES],
    isStripped: true,
  })
}
