import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderDnfConfig } from '../../repositories/dnf-config.ts'
import { TOPDIR } from '../../roots/build-folders.ts'
import { BuildFailure } from '../../build-failure.ts'
import { FIXED, type SourceWork } from '../make-srpm.ts'
import { scriptFailure } from '../script-failure.ts'
import { GIT_ENV } from './git.ts'

/** Settings of dnf inside the buildroot, where makefiles run it. Its repositories are those from which the buildroot was made. */
const DNF = {
  reposdir: '/dev/null',
  plugins: '0',
  install_weak_deps: '0',
  tsflags: 'nodocs',
  gpgcheck: '0',
  assumeyes: '1',
}

const DNF_CONF = 'dnf.conf'
/** Makefiles install the packages that they need, so dnf's configuration is copied to where dnf looks for it. */
const MAKE = `
[ -f "$1/.copr/Makefile" ] || exit 90
mkdir -p /etc/dnf && cp ${FIXED}/${DNF_CONF} /etc/dnf/dnf.conf
cd "$2" || exit
exec make -f "$1/.copr/Makefile" srpm outdir="$3" spec="$4"
`

/**
 * Runs the target `srpm` of `.copr/Makefile` as root in the buildroot, because makefiles install packages there. `spec` is the spec file
 * or, if the user names none, the directory of the package.
 */
export async function runMakefile(
  { build, repositories, run }: SourceWork,
  { top, directory, spec }: { top: string; directory: string; spec: string },
): Promise<void> {
  await writeFile(join(build.dir, 'fixed', DNF_CONF), renderDnfConfig(repositories, DNF))
  const exit = await run(['/bin/sh', '-c', MAKE, 'sh', top, directory, `${TOPDIR}/SRPMS`, spec], {
    network: 'public',
    as: 'root',
    shown: `$ make -f .copr/Makefile srpm outdir=${TOPDIR}/SRPMS spec=${spec}`,
    // Without these settings, git would reject the repository, because it belongs to the unprivileged user who has cloned it.
    env: {
      ...GIT_ENV,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
    },
  })
  if (exit.code === 90)
    throw new BuildFailure('the repository has no file .copr/Makefile', {
      category: 'prep',
      hint: 'Add it, or choose another method of making the source package.',
    })
  if (exit.code !== 0) throw scriptFailure('make -f .copr/Makefile srpm', exit)
}
