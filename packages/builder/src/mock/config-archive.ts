import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { runOrThrow } from '@copr/process/run'
import { BuildFailure } from '../build-failure.ts'
import type { Build } from '../engine.ts'
import { renderPortableMockConfig } from './mock-config.ts'

/**
 * Writes `configs.tar.gz`, with which users can repeat the build in their own mock. `configs/child.cfg` is the configuration of the build,
 * and `configs/CHROOT.cfg` is that of the chroot, without the project's settings. Adds the archive to the build's results.
 */
export async function addConfigArchive({ task, dir, log, found }: Build): Promise<void> {
  const archive = join(dir, 'configs.tar.gz')
  const configs = join(dir, 'configs')
  try {
    const child = renderPortableMockConfig(task)
    const chroot = renderPortableMockConfig(withoutProject(task))
    await mkdir(configs)
    await writeFile(join(configs, 'child.cfg'), `${headerOf(task)}\n${child}`)
    await writeFile(join(configs, `${task.chroot.name}.cfg`), chroot)
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error
    log.line(`The results lack configs.tar.gz: ${error.message}`)
    return
  }
  const owner = ['--owner=root:0', '--group=root:0', '--mode=u=rwX,go=rX', '--sort=name']
  await runOrThrow('tar', ['-c', '-z', ...owner, '-f', archive, '-C', dir, 'configs'])
  found.add(archive)
}

function withoutProject(task: RpmTask): RpmTask {
  const { bootstrap: _bootstrap, bootstrap_image: _image, isolation: _isolation, ...rest } = task
  const none = { repos: [], buildroot_packages: [], modules: [], macros: {} }
  return { ...rest, ...none, enable_net: false }
}

function headerOf({ task_id, with_opts, without_opts }: RpmTask): string {
  const conditions = [
    ...with_opts.map((name) => ` --with ${name}`),
    ...without_opts.map((name) => ` --without ${name}`),
  ].join('')
  return `# Build ${task_id}. To repeat it, run: mock --root child.cfg${conditions} --rebuild SRPM`
}
