import { z } from 'zod'
import { BuildFailure } from '../../build-failure.ts'
import { type IndexedArchive, NOT_IN_INDEX } from './package-index.ts'

/** A release as the JSON API of a Python package index describes it; unknown keys are ignored. */
const Release = z.object({
  info: z.object({ version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.!+_-]*$/) }),
  urls: z.array(
    z.object({
      filename: z.string(),
      url: z.string(),
      packagetype: z.string(),
      digests: z
        .object({
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .optional(),
        })
        .default({}),
    }),
  ),
})

/** Returns the normalized name of a project, which is the same for all its spellings. */
export function normalName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** Returns the URL of a release in the JSON API of an index: of the given version, or of the newest if `version` is empty. */
export function releaseUrl(index_url: string, name: string, version: string): string {
  const words = [normalName(name), ...(version === '' ? [] : [version])]
  return `${index_url}/pypi/${words.map(encodeURIComponent).join('/')}/json`
}

/** Returns the version and the source archive of a release. Throws a BuildFailure if it has no source archive that the site can use. */
export function readRelease(
  text: string,
  { name, url }: { name: string; url: string },
): { version: string; sdist: IndexedArchive } {
  const release = parseRelease(text)
  if (!release)
    throw new BuildFailure(`the index does not describe ${name} as PyPI does`, {
      category: 'network',
      hint: 'Ask the administrator which index of Python packages the site uses.',
    })
  const { version } = release.info
  const sdists = release.urls.filter(({ packagetype }) => packagetype === 'sdist')
  const sdist =
    sdists.find(({ filename }) => filename.endsWith('.tar.gz')) ??
    sdists.find(({ filename }) => filename.endsWith('.zip'))
  if (!sdist)
    throw new BuildFailure(
      `${name} ${version} has no source archive (sdist) on PyPI, only files that are built already`,
      NOT_IN_INDEX,
    )
  return {
    version,
    sdist: {
      file_name: sdist.filename,
      url: archiveUrl(sdist.url, url),
      sha256: sdist.digests.sha256,
    },
  }
}

/** Returns the URL of an archive; if the index serves the archive itself, the URL includes the index's user name and password. */
function archiveUrl(archive: string, index_url: string): string {
  const [url, index] = [URL.parse(archive, index_url), new URL(index_url)]
  if (!url) return archive
  if (url.origin === index.origin && url.username === '') {
    url.username = index.username
    url.password = index.password
  }
  return url.href
}

function parseRelease(text: string): z.output<typeof Release> | undefined {
  try {
    return Release.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
