import { fileURLToPath } from 'node:url'
import { cachedSrpm } from '@copr/demo-distro/example/cached-srpm'
import { downloadDebianSource } from './debian-source.ts'

/** Sample package → Debian source package that contains its tarball. */
export const SAMPLES = {
  hello: 'hello',
  lz4: 'lz4',
  oniguruma: 'libonig',
  jq: 'jq',
  'python-colorama': 'python-colorama',
  fmt: 'fmtlib',
  'failing-check': undefined,
  'unmet-buildrequires': undefined,
  'sleeps-for-ever': undefined,
  'slow-log': undefined,
  'evil-probe': undefined,
} as const satisfies Record<string, string | undefined>
export type SampleName = keyof typeof SAMPLES

const SPECS_URL = new URL('specs/', import.meta.url)

/** Builds the SRPM of a sample from its original tarball in Debian. The result is cached by the content of the spec. */
export async function fetchSample(
  name: SampleName,
  cacheDir: string,
  signal?: AbortSignal,
): Promise<string> {
  const spec = fileURLToPath(new URL(`${name}.spec`, SPECS_URL))
  return await cachedSrpm(name, cacheDir, [spec], async (sources) => {
    const debianName = SAMPLES[name]
    if (debianName !== undefined)
      await downloadDebianSource(debianName, sources, cacheDir, { signal })
    return spec
  })
}
