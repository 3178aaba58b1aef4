import { RpmFormatError } from '@copr/rpm/errors'
import { checkPackageNames, readPackageInfo } from '@copr/rpm/package-info'
import { BuildFailure } from '../build-failure.ts'

const NO_SRPM = { category: 'verification', hint: 'Submit a source package (.src.rpm).' } as const

/** Returns the SRPM's canonical file name. Throws a BuildFailure if the file is not an SRPM; `shown` is the file's name in messages. */
export async function checkSrpm(path: string, shown: string): Promise<string> {
  try {
    const info = await readPackageInfo(path)
    if (!info.isSource)
      throw new BuildFailure(`${shown} is a binary RPM, not a source RPM`, NO_SRPM)
    checkPackageNames(info)
    return info.fileName
  } catch (error) {
    if (error instanceof RpmFormatError)
      throw new BuildFailure(`${shown} is not an SRPM: ${error.message}`, NO_SRPM)
    throw error
  }
}
