import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { type MacroFixture, macroFixture, skip } from './testing/macro-fixture.ts'

const gpg = await run('sh', ['-c', 'command -v gpg gpgv'])

suite('macros that Fedora has in every build root', { skip }, () => {
  let macros: MacroFixture

  before(async () => {
    macros = await macroFixture()
  })
  after(() => macros[Symbol.asyncDispose]())

  const SITELIB = '/usr/lib/python3.11/site-packages'
  // Expansions of Fedora's macros for version 1.0~rc1, with the dist tag of Debian.
  for (const [text, want] of [
    ['%autorelease', '1.deb12'],
    ['%{autorelease}', '1.deb12'],
    ['%autorelease -b 3', '3.deb12'],
    ['%autorelease -p -e rc1 -s 20240101git -n', '0.1.rc1.20240101git'],
    ['%{version_no_tilde}', '1.0-rc1'],
    ['%{version_no_tilde _}', '1.0_rc1'],
    ['%{version_no_tilde %{quote:}}', '1.0rc1'],
    [
      '%pycached %{python3_sitelib}/own.py',
      `${SITELIB}/own.py\n${SITELIB}/__pycache__/own.cpython-311{,.opt-?}.pyc`,
    ],
    ['%{bash_completions_dir}', '/usr/share/bash-completion/completions'],
    ['%{zsh_completions_dir}', '/usr/share/zsh/site-functions'],
    ['%{fish_completions_dir}', '/usr/share/fish/vendor_completions.d'],
    ['%{_licensedir}', '/usr/share/licenses'],
    ['%{_jsdir}', '/usr/share/javascript'],
    ['%{java_arches}', 'aarch64 ppc64le s390x x86_64'],
    ['%{cmake3_build}', '/usr/bin/cmake --build x86_64-linux-gnu --verbose'],
  ] as const)
    test(`${text} expands to ${want}`, async () => {
      const defines = {
        version: '1.0~rc1',
        _target_platform: 'x86_64-linux-gnu',
        _smp_mflags: '%{nil}',
      }
      assert.equal((await macros.expand(text, defines)).replaceAll(/ +/g, ' '), want)
    })

  test('%autochangelog expands to a changelog entry for the version that is built', async () => {
    const defines = { version: '1.0', release: '2', packager: 'Jane <jane@own.example>' }
    assert.match(
      await macros.expand('%autochangelog', defines),
      /^\* \w{3} \w{3} \d\d \d{4} Jane <jane@own.example> - 1\.0-2\n- local build$/,
    )
  })

  // The archives for which Fedora's %forgemeta computes URLs and names, given the repository "own/repo" and version 1.2.
  const GITHUB = { forgeurl: 'https://github.com/own/repo' }
  const GITLAB = { forgeurl: 'https://gitlab.own.example/own/repo/' }
  const COMMIT = '0123456789abcdef0123456789abcdef01234567'
  for (const [title, defines, source, dist, setup] of [
    [
      'a version on GitHub',
      GITHUB,
      'https://github.com/own/repo/archive/v1.2/repo-1.2.tar.gz',
      '.deb12',
      '-n repo-1.2',
    ],
    [
      'a commit on GitHub',
      { ...GITHUB, commit: COMMIT, date: '20240102' },
      `https://github.com/own/repo/archive/${COMMIT}/repo-${COMMIT}.tar.gz`,
      '.20240102git0123456.deb12',
      `-n repo-${COMMIT}`,
    ],
    [
      'the tag of the version on GitHub',
      { ...GITHUB, tag: 'v1.2' },
      'https://github.com/own/repo/archive/v1.2/repo-1.2.tar.gz',
      '.deb12',
      '-n repo-1.2',
    ],
    [
      'a tag with a path on GitHub',
      { ...GITHUB, tag: 'own/3' },
      'https://github.com/own/repo/archive/own/3/repo-own-3.tar.gz',
      '.gitown.3.deb12',
      '-n repo-own-3',
    ],
    [
      'a version on GitLab',
      GITLAB,
      'https://gitlab.own.example/own/repo/-/archive/1.2/repo-1.2.tar.bz2',
      '.deb12',
      '-n repo-1.2',
    ],
    [
      'a candidate on GitLab',
      { ...GITLAB, tag: 'v1.2-rc1' },
      'https://gitlab.own.example/own/repo/-/archive/v1.2-rc1/repo-v1.2-rc1.tar.bz2',
      '.gitrc1.deb12',
      '-n repo-v1.2-rc1',
    ],
    [
      'an archive with another name',
      { ...GITHUB, tag: 'v1.2', archivename: 'own-1' },
      'https://github.com/own/repo/archive/v1.2/own-1.tar.gz',
      '.deb12',
      '-n own-1',
    ],
  ] as const)
    // prettier-ignore
    test(`%forgemeta computes the archive of ${title}`, async () => {
      const text = '%forgemeta\n%{forgesource}\n%{dist}\n%forgesetup'
      const lines = (await macros.expand(text, { version: '1.2', ...defines })).trim().split('\n')
      assert.deepEqual(lines, [source, dist, `%setup -q ${setup}`])
    })

  test('%forgemeta -z computes the macros of an additional source', async () => {
    const text = '%forgemeta -z 1\n%{forgesource1}\n%forgesetup -z 1\n'
    const defines = { version: '1.2', forgeurl1: 'https://github.com/own/data', tag1: 'v3' }
    assert.deepEqual((await macros.expand(text, defines)).trim().split('\n'), [
      'https://github.com/own/data/archive/v3/data-3.tar.gz',
      '%setup -q -T -D -b 1 -n data-3',
    ])
  })

  test('%forgemeta refuses an unknown forge, and names those that it supports', async () => {
    const defines = { version: '1', forgeurl: 'https://own.example/own/repo' }
    await assert.rejects(macros.expand('%forgemeta', defines), /knows GitHub and GitLab, not/)
  })

  test(
    '%gpgverify accepts only signatures made with a key in the keyring',
    { skip: gpg.ok ? false : 'needs gpg and gpgv' },
    async () => {
      const { dir } = macros
      const data = join(dir, 'own.tar')
      await writeFile(data, 'data')
      const options = [
        '--homedir',
        dir,
        '--batch',
        '--quiet',
        '--pinentry-mode',
        'loopback',
        '--passphrase',
        '',
      ]
      const make = (...words: string[]) => runOrThrow('gpg', [...options, ...words])
      for (const name of ['own', 'other']) {
        await make('--quick-generate-key', `${name}@own.example`, 'ed25519', 'sign')
        await make(
          '--armor',
          '--output',
          join(dir, `${name}.asc`),
          '--export',
          `${name}@own.example`,
        )
      }
      const signature = join(dir, 'own.sig')
      await make('-u', 'own@own.example', '--output', signature, '--detach-sign', data)
      await run('gpgconf', ['--homedir', dir, '--kill', 'all'])
      const verify = async (keyring: string, file: string) => {
        const words = `--keyring='${join(dir, keyring)}' --signature='${signature}' --data='${file}'`
        return await run('sh', ['-e', '-c', await macros.expand(`%{gpgverify} ${words}`)])
      }
      const good = await verify('own.asc', data)
      assert.ok(good.ok, good.output)
      assert.equal((await verify('other.asc', data)).ok, false)
      assert.equal((await verify('own.asc', join(dir, 'own.asc'))).ok, false)
    },
  )
})
