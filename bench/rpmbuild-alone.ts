import { chownSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { buildRootPackages, DISTRO_VERSION } from '@copr/demo-distro/chroot'
import { CACHE_DIR } from '@copr/testkit/system/start-system'

const BUILD_USER = 61000

export interface RootByHand extends AsyncDisposable {
  /** Runs `rpmbuild` for the SRPM; returns the seconds that it takes. */
  rebuild(): Promise<number>
}

/** Sets up the baseline of the comparison: a buildroot with the same packages, created and entered without the builder's code. */
export async function rootByHand(srpm: string): Promise<RootByHand> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-bench-'))
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  try {
    const root = join(dir, 'root')
    await fillRoot(dir, root)
    const home = join(root, 'builddir')
    mkdirSync(home)
    cpSync(srpm, join(home, basename(srpm)))
    chownSync(home, BUILD_USER, BUILD_USER)
    return {
      rebuild: () => rebuild(root, basename(srpm)),
      [Symbol.asyncDispose]: async () => remove(),
    }
  } catch (error) {
    remove()
    throw error
  }
}

async function fillRoot(dir: string, root: string): Promise<void> {
  const options = [
    '-y',
    '--noplugins',
    `--installroot=${root}`,
    `--releasever=${DISTRO_VERSION}`,
    `--setopt=reposdir=${join(dir, 'none')}`,
    `--setopt=cachedir=${join(dir, 'cache')}`,
    '--setopt=install_weak_deps=False',
    `--repofrompath=base,file://${CACHE_DIR}/distro/repo`,
    '--nogpgcheck',
  ]
  await runOrThrow('dnf', [...options, 'install', ...(await buildRootPackages()), 'gcc', 'make'], {
    env: { HOME: '/nonexistent' },
  })
}

/** Runs `rpmbuild` in the buildroot, with /dev and /proc mounted only while it runs. */
async function rebuild(root: string, srpm: string): Promise<number> {
  const script = `
    mkdir -p "$0/proc" "$0/dev"
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    rm -rf "$0/builddir/rpmbuild"
    exec chroot --userspec=${BUILD_USER}:${BUILD_USER} "$0" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/builddir LANG=C.UTF-8 \
      rpmbuild --rebuild --define "_topdir /builddir/rpmbuild" "/builddir/$1"`
  const began = performance.now()
  // In its own session, as builds are, because Linux divides CPU time between sessions first.
  await runOrThrow('setsid', [
    '--wait',
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-ec',
    script,
    root,
    srpm,
  ])
  return (performance.now() - began) / 1000
}
