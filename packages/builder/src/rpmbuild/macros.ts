import type { RpmTask } from '@copr/contract/builder-protocol'

/** Renders `~/.rpmmacros` for the buildroot. rpm reads this file last, so its macros override all others. */
export function renderMacros(task: Pick<RpmTask, 'chroot' | 'macros'>, dbPath: string): string {
  const macros = {
    _topdir: '/builddir/build',
    _rpmfilename: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
    _dbpath: dbPath,
    _buildhost: 'builder',
    ...task.chroot.macros,
    ...task.macros,
  }
  return Object.entries(macros)
    .filter(([name]) => /^\w+(\([\w:-]*\))?$/.test(name))
    .map(([name, body]) => `%${name} ${body.replaceAll('\r', '').replaceAll('\n', '\\\n')}\n`)
    .join('')
}
