import { TOPDIR } from '../roots/build-folders.ts'
import type { SourceWork } from './make-srpm.ts'
import { scriptFailure } from './script-failure.ts'

/** rpmbuild's folder of sources in the buildroot. */
export const SOURCES = `${TOPDIR}/SOURCES`

/**
 * Copies the files of the folder $1 to $2. For links that lead to files below $3, copies those files under the names of the links. Prints
 * the names of other links to files.
 */
const COPY = `
cd "$1" || exit
find . -maxdepth 1 -type f -exec cp -t "$2" -- {} + || exit
find . -maxdepth 1 -type l -xtype f | while IFS= read -r link; do
  real=$(readlink -f -- "$link")
  case $real in
    "$3"/*) cp -- "$real" "$2/$link" ;;
    *) echo "outside: \${link#./}" ;;
  esac
done
`

/**
 * Copies the files of a folder of the repository to {@link SOURCES}; returns the names of those that are left out because they are links
 * that lead out of the repository.
 */
export async function copySources(
  { run }: SourceWork,
  { folder, top }: { folder: string; top: string },
): Promise<string[]> {
  const copied = await run(['/bin/sh', '-c', COPY, 'sh', folder, SOURCES, top], {
    network: 'none',
    shown: `Copying the files of ${folder}`,
  })
  if (copied.code !== 0) throw scriptFailure('copying the sources', copied)
  return [...copied.output.matchAll(/^outside: (.*)$/gm)].map(([, name = '']) => name)
}
