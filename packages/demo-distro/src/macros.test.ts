import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { type MacroFixture, macroFixture, skip } from './testing/macro-fixture.ts'

suite('macros of the mini distribution', { skip }, () => {
  let macros: MacroFixture
  const expand: MacroFixture['expand'] = (...args) => macros.expand(...args)

  before(async () => {
    macros = await macroFixture()
  })
  after(() => macros[Symbol.asyncDispose]())

  test('documentation and licenses are installed in directories without a version in their names', async () => {
    assert.equal(await expand('%{_docdir_fmt}'), '%{NAME}')
  })

  test('rpmbuild compresses man pages, compiles Python, and leaves libraries executable', async () => {
    const programs = (await expand('%{__os_install_post}')).matchAll(/\/brp-([\w-]+)|compileall/g)
    assert.deepEqual(
      [...programs].map(([found, name]) => name ?? found),
      [
        'compress',
        'strip',
        'strip-static-archive',
        'strip-comment-note',
        'remove-la-files',
        'compileall',
      ],
    )
  })

  for (const [name, entries] of [
    ['one top folder', ['Own-abc/README', 'Own-abc/Own-abc/main.c']],
    ['no top folder', ['README', 'Own-abc/main.c']],
  ] as const)
    test(`%autosetup -C of rpm 4.20 unpacks an archive with ${name}`, async () => {
      const text = await expand('%autosetup -N -C', { SOURCE0: join(macros.dir, 'own.tar.gz') })
      const lines = text.split('\n')
      assert.equal(lines.shift()?.trim(), '%setup -c -T  -q')
      const archive = join(macros.dir, 'own.tar.gz')
      const from = await mkdtemp(join(macros.dir, 'from-'))
      const to = await mkdtemp(join(macros.dir, 'to-'))
      for (const entry of entries) {
        await mkdir(dirname(join(from, entry)), { recursive: true })
        writeFileSync(join(from, entry), '')
      }
      await runOrThrow('tar', ['-czf', archive, '-C', from, ...(await readdir(from))])
      await runOrThrow('bash', ['-e', '-c', lines.join('\n')], { cwd: to })
      assert.deepEqual((await readdir(to, { recursive: true })).toSorted(), [
        'Own-abc',
        'Own-abc/main.c',
        'README',
      ])
    })

  test("%autosetup without -C is rpm's own", async () => {
    const text = await expand('%autosetup -N -n own')
    assert.match(text, /^%setup +-n own +-q$/m)
    assert.doesNotMatch(text, /rpmuncompress/)
  })

  for (const section of ['build', 'check', 'install'])
    test(`%${section} sets the flags of the compilers, unless the spec turns that off`, async () => {
      const before = await expand(`%{__spec_${section}_pre}`)
      assert.match(before, /CFLAGS="\$\{CFLAGS:-.+\}" ; export CFLAGS ;/)
      const off = `%undefine _auto_set_build_flags\n%{__spec_${section}_pre}`
      assert.doesNotMatch(await expand(off), /CFLAGS="/)
    })

  test('%install starts with an empty buildroot', async () => {
    const before = await expand('%{__spec_install_pre}')
    assert.match(before, /rm -rf "\$RPM_BUILD_ROOT"\s+mkdir -p "\$RPM_BUILD_ROOT"\s*$/)
  })

  test('%sysusers_requires_compat requires the programs that create users', async () => {
    assert.equal(await expand('%{?sysusers_requires_compat}'), 'Requires(pre): shadow-utils')
  })

  // Fedora defines each of these macros by querying the interpreter for the same setting.
  for (const [macro, setting] of [
    ['perl_privlib', 'installprivlib'],
    ['perl_archlib', 'installarchlib'],
    ['perl_vendorlib', 'installvendorlib'],
    ['perl_vendorarch', 'installvendorarch'],
    ['perl_sitelib', 'installsitelib'],
    ['perl_sitearch', 'installsitearch'],
    ['perl_version', 'version'],
  ] as const)
    test(`%${macro} is perl's ${setting}`, async (t) => {
      const answer = await run('perl', [`-V:${setting}`])
      if (!answer.ok) return t.skip('needs perl')
      assert.equal(`${setting}='${await expand(`%{${macro}}`)}';\n`, answer.output)
    })

  for (const [text, want] of [
    ['%{__perl}', '/usr/bin/perl'],
    ['%{perl_testdir}', '/usr/libexec/perl5-tests'],
  ] as const)
    test(`${text} is ${want}`, async () => assert.equal(await expand(text), want))

  test('%perl_default_filter excludes the shared objects of Perl modules from provides', async () => {
    const text = '%{?perl_default_filter}%{__provides_exclude_from}'
    const paths = new RegExp(await expand(text, { __provides_exclude_from: '^/own' }))
    const objects = await expand('%{perl_vendorarch}/auto/Own/Own.so')
    assert.deepEqual(
      ['/own/x.so', objects, '/usr/lib/libown.so.1'].map((path) => paths.test(path)),
      [true, true, false],
    )
  })

  /**
   * Runs the expansion as a scriptlet, with the argument `installed`: the number of versions of the package that will be installed.
   * Replaces `programs` with fakes; returns the command lines with which they were called.
   */
  async function scriptlet(text: string, programs: string[], installed = 1): Promise<string[]> {
    const fakes = programs.map(
      (name) => `${name}() { echo "${name.split('/').at(-1)} $*"; [ "$*" = - ] && cat; return 0; }`,
    )
    const present = '[() { case "$1" in -x) return 0;; *) builtin [ "$@";; esac; }'
    const script = [...fakes, present, await expand(text)].join('\n')
    const output = await runOrThrow('bash', ['-e', '-c', script, 'bash', String(installed)])
    return output.split('\n').filter((line) => line !== '')
  }

  const HELPER = '/usr/lib/systemd/systemd-update-helper'
  // The verbs that Fedora's macros pass to the helper, by the number of versions that remain installed.
  for (const [macro, installed, want] of [
    ['systemd_post', 1, 'install-system-units'],
    ['systemd_post', 2, undefined],
    ['systemd_preun', 0, 'remove-system-units'],
    ['systemd_preun', 1, undefined],
    ['systemd_postun', 1, undefined],
    ['systemd_postun_with_restart', 1, 'mark-restart-system-units'],
    ['systemd_postun_with_restart', 0, undefined],
    ['systemd_postun_with_reload', 1, 'mark-reload-system-units'],
    ['systemd_user_post', 1, 'install-user-units'],
    ['systemd_user_preun', 0, 'remove-user-units'],
    ['systemd_user_postun', 1, undefined],
    ['systemd_user_postun_with_restart', 1, 'mark-restart-user-units'],
    ['systemd_user_postun_with_reload', 1, 'mark-reload-user-units'],
  ] as const)
    test(`%${macro} with ${installed} versions runs ${want ?? 'nothing'}`, async () => {
      const called = await scriptlet(`%${macro} a.service b.socket`, [HELPER], installed)
      assert.deepEqual(called, want ? [`systemd-update-helper ${want} a.service b.socket`] : [])
    })

  test('the systemd scriptlet macros fail without the name of a unit', async () => {
    await assert.rejects(expand('%systemd_post'), /need the name of a unit/)
  })

  test('scriptlet macros do nothing where systemd is absent', async () => {
    const macros = [
      '%systemd_post a.service',
      '%tmpfiles_create a.conf',
      '%sysusers_create a.conf',
      '%sysctl_apply a.conf',
    ]
    const script = (await expand(macros.join('\n'))).replaceAll('/usr/', '/nonexistent/')
    assert.equal(await runOrThrow('bash', ['-e', '-c', script, 'bash', '1']), '')
  })

  for (const [text, want] of [
    ['%tmpfiles_create x.conf', 'systemd-tmpfiles --create x.conf'],
    ['%sysusers_create x.conf', 'systemd-sysusers x.conf'],
    ['%sysctl_apply x.conf', 'systemd-sysctl x.conf'],
    ['%binfmt_apply x.conf', 'systemd-binfmt x.conf'],
  ] as const)
    test(`${text} runs ${want}`, async () => {
      const util = '/usr/lib/systemd/'
      const programs = [
        'systemd-tmpfiles',
        'systemd-sysusers',
        `${util}systemd-sysctl`,
        `${util}systemd-binfmt`,
      ]
      assert.deepEqual(await scriptlet(text, programs), [want])
    })

  for (const [macro, want] of [
    [
      'tmpfiles_create_package',
      'systemd-tmpfiles --replace=/usr/lib/tmpfiles.d/own.conf --create -',
    ],
    ['sysusers_create_package', 'systemd-sysusers --replace=/usr/lib/sysusers.d/own.conf -'],
  ] as const)
    test(`%${macro} passes the configuration to systemd before the file is installed`, async () => {
      const file = join(macros.dir, 'own.conf')
      writeFileSync(file, 'd /run/own 0755 own own\n')
      const text = await expand(`%${macro} own ${file}`)
      assert.match(text, /<<(\w+) \|\| :\s+d \/run\/own 0755 own own\s+\1$/)
      assert.deepEqual(
        await scriptlet(`%${macro} own ${file}`, ['systemd-tmpfiles', 'systemd-sysusers']),
        [want],
      )
    })

  test('%sysusers_create_compat creates the users and groups of a sysusers.d file', async () => {
    const file = join(macros.dir, 'users.conf')
    const lines = [
      '# comment',
      'g plugdev 46',
      `u redis - "Redis' server" /var/lib/redis /sbin/nologin`,
      'u!  ntp 38:adm',
      'm redis plugdev',
    ]
    writeFileSync(file, lines.join('\n'))
    const script = await expand(`%sysusers_create_compat ${file}`)
    const fakes =
      'getent() { return 1; }; for name in groupadd useradd usermod; do eval "$name() { printf \'<%s>\' $name \\"\\$@\\"; echo; }"; done'
    const called = await runOrThrow('bash', ['-e', '-c', `${fakes}\n${script}`])
    assert.deepEqual(called.trim().split('\n'), [
      '<groupadd><-f><-g><46><-r><plugdev>',
      '<groupadd><-r><redis>',
      "<useradd><-r><-g><redis><-d></var/lib/redis><-s></sbin/nologin><-c><Redis' server><redis>",
      '<useradd><-u><38><-r><-g><adm><-d></><-s></usr/sbin/nologin><-c><><ntp>',
      '<groupadd><-r><plugdev>',
      '<useradd><-r><redis>',
      '<usermod><-a><-G><plugdev><redis>',
    ])
    assert.equal(await expand('%sysusers_create_compat /dev/null'), '')
  })
})
