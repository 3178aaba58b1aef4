import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { type MacroFixture, macroFixture, skip } from './testing/macro-fixture.ts'

const hasRuby = (await run('sh', ['-c', 'command -v ruby && command -v gem'])).ok
const hasPython = (await run('python3', ['-c', 'import tomllib'])).ok

suite('macros of Ruby, Rust, Go, Lua and fonts', { skip }, () => {
  let macros: MacroFixture
  let count = 0

  before(async () => {
    macros = await macroFixture()
  })
  after(() => macros[Symbol.asyncDispose]())

  // Expansions of Fedora's macros for a package `own` 1.0~rc1, with the directories of Debian 12's interpreters.
  const GEM = '%global gem_name own\n'
  const GEM_DIR = '/usr/share/rubygems-integration/all'
  const GO = '%global goipath github.com/Own/go-tool\n%gometa -L -f\n'
  const FONT =
    '%global foundry own\n%global fontfamily Own Sans\n%global fontsummary A font\n%fontpkg\n'
  for (const [text, want] of [
    [`${GEM}%{gem_instdir}`, `${GEM_DIR}/gems/own-1.0~rc1`],
    [`${GEM}%{gem_libdir}`, `${GEM_DIR}/gems/own-1.0~rc1/lib`],
    [`${GEM}%{gem_cache}`, `${GEM_DIR}/cache/own-1.0~rc1.gem`],
    [`${GEM}%{gem_spec}`, `${GEM_DIR}/specifications/own-1.0~rc1.gemspec`],
    [`${GEM}%{gem_docdir}`, `${GEM_DIR}/doc/own-1.0~rc1`],
    [`${GEM}%{gem_plugin}`, `${GEM_DIR}/plugins/own_plugin.rb`],
    [`${GEM}%global prerelease .b1\n%{gem_cache}`, `${GEM_DIR}/cache/own-1.0~rc1.b1.gem`],
    ['%{ruby_vendorlibdir}', '/usr/lib/ruby/vendor_ruby/3.1.0'],
    ['%{version_no_tilde}', '1.0-rc1'],
    ['%{version_no_tilde .}', '1.0.rc1'],
    ['%{crates_source own 2.0}', 'https://crates.io/api/v1/crates/own/2.0/download#/own-2.0.crate'],
    [
      '%global crate own\n%crates_source',
      'https://crates.io/api/v1/crates/own/1.0-rc1/download#/own-1.0-rc1.crate',
    ],
    ['%global crate own\n%{crate_instdir}', '/usr/share/cargo/registry/own-1.0-rc1'],
    ['%{gopath}', '/usr/share/gocode'],
    [`${GO}%{goname}`, 'golang-github-own-tool'],
    [`${GO}%{gourl}`, 'https://github.com/Own/go-tool'],
    [`${GO}%{gosource}`, 'https://github.com/Own/go-tool/archive/v1.0-rc1/go-tool-1.0-rc1.tar.gz'],
    [
      `%global commit abc123\n${GO}%{gosource} %{extractdir}`,
      'https://github.com/Own/go-tool/archive/abc123/go-tool-abc123.tar.gz go-tool-abc123',
    ],
    [`%global goname own-tool\n${GO}%{goname}`, 'own-tool'],
    ['%{lua_pkgdir}', '/usr/share/lua/5.4'],
    ['%{_fontdir}', '/usr/share/fonts/own'],
    ['%global fontname x\n%{_fontdir}', '/usr/share/fonts/x'],
    ['%{_fontconfig_templatedir}', '/usr/share/fontconfig/conf.avail'],
    ['%global foundry Own\n%global fontfamily Own Sans\n%{fontpkgname}', 'own-sans-fonts'],
    ['%global fontfamily Some Font 3\n%{fontpkgname}', 'some-font-3-fonts'],
  ] as const)
    test(`${JSON.stringify(text)} expands to ${want}`, async () => {
      assert.equal(await macros.expand(text, { name: 'own', version: '1.0~rc1' }), want)
    })

  test('%fontpkg declares a noarch package of the family', async () => {
    const lines = (await macros.expand(FONT, { name: 'other' })).split('\n').map((it) => it.trim())
    for (const want of ['%package -n own-sans-fonts', 'Summary: A font', 'BuildArch: noarch'])
      assert.ok(lines.includes(want), `${want} in ${lines.join('\n')}`)
    assert.match(await macros.expand(FONT), /^Name: own-sans-fonts *$/m)
  })

  test('%_font_pkg lists fonts and their configuration', async () => {
    const text = '%{_font_pkg -n mono -f 60-own.conf *.ttf}'
    assert.deepEqual((await macros.expand(text, { name: 'own' })).split('\n'), [
      '%files -n own-mono-fonts',
      '%defattr(644,root,root,755)',
      '%dir /usr/share/fonts/own',
      '/usr/share/fonts/own/*.ttf',
      '/usr/share/fontconfig/conf.avail/60-own.conf',
      '%config(noreplace) /etc/fonts/conf.d/60-own.conf',
    ])
  })

  test('%fontinstall installs fonts, configuration and their list of files', async () => {
    const dir = await directory({ 'a.ttf': 'a', '60-own.conf': '<fontconfig/>', 'OFL.txt': 'OFL' })
    const text = `${FONT}%global fonts *.ttf\n%global fontconfs 60-own.conf\n%global fontlicenses OFL.txt\n`
    const script = (
      await macros.expand(`${text}SCRIPT\n%fontinstall`, { buildroot: `${dir}/root` })
    )
      .split('SCRIPT')
      .at(-1)
    await runOrThrow('bash', ['-e', '-c', script ?? ''], { cwd: dir })
    assert.equal(
      await readFile(join(dir, 'own-sans-fonts.list'), 'utf8'),
      `%dir /usr/share/fonts/own-sans-fonts
/usr/share/fonts/own-sans-fonts/a.ttf
/usr/share/fontconfig/conf.avail/60-own.conf
%config(noreplace) /etc/fonts/conf.d/60-own.conf
%license OFL.txt
`,
    )
    await readFile(join(dir, 'root/usr/share/fonts/own-sans-fonts/a.ttf'))
  })

  test('%gobuild builds position-independent programs with a build id', async () => {
    const text = await macros.expand('%gobuild -o out example.org/own', { _builddir: '/build' })
    assert.match(text, /go build -buildmode pie -compiler gc -tags="rpm_crashtraceback /)
    assert.match(text, / -ldflags ".* -B 0x\$\(.*\) -compressdwarf=false -linkmode=external /)
    assert.match(text, / -o out example\.org\/own$/)
  })

  test('%gobuild passes LDFLAGS to the Go linker, except flags for gcc', async () => {
    const flags = await macros.expand('%{build_ldflags}')
    const text = await macros.expand('%__go_buildflags')
    for (const [given, want] of [
      [flags, ' '],
      ['-X main.version=1', '-X main.version=1 '],
      [`${flags} -X a=b`, ' -X a=b '],
    ] as const) {
      const script = `set -u; flags=(${text.replaceAll('\\\n', ' ')}); echo "\${flags[@]}"`
      const env = { LDFLAGS: given }
      const output = await runOrThrow('bash', ['-c', script], { env })
      const [, found = ''] = /-ldflags (.*) -B 0x/.exec(output) ?? []
      assert.equal(found, want)
    }
  })

  for (const [title, files, want] of [
    ['of a module with vendored code', ['go.mod', 'vendor/x'], 'on -mod=vendor '],
    ['of a module without dependencies', ['go.mod'], 'on '],
    ['without a module', ['main.go'], 'off '],
  ] as const)
    test(`builds ${title} run Go with ${want}`, async () => {
      const dir = await directory(Object.fromEntries(files.map((name) => [name, ''])))
      const script = `${await macros.expand('%goenv', { _builddir: '/build' })}; echo "$GO111MODULE $GOFLAGS $GOPROXY"`
      assert.equal(await runOrThrow('bash', ['-e', '-c', script], { cwd: dir }), `${want} off\n`)
    })

  test('%cargo_prep -v makes cargo use only the vendored crates', async () => {
    const dir = await directory({ 'Cargo.lock': '' })
    await runOrThrow('bash', ['-c', await macros.expand('%cargo_prep -v vendor')], { cwd: dir })
    const config = await readFile(join(dir, '.cargo/config.toml'), 'utf8')
    assert.match(config, /^\[source\.local\]\ndirectory = "vendor"$/m)
    assert.match(config, /^\[source\.crates-io\]\nreplace-with = "local"$/m)
    assert.match(config, /^\[profile\.rpm\]\ninherits = "release"$/m)
    await readFile(join(dir, 'Cargo.lock'))
  })

  test('%cargo_prep makes cargo use the crates of installed packages instead of those of crates.io', async () => {
    const dir = await directory({ 'Cargo.lock': '' })
    await runOrThrow('bash', ['-c', await macros.expand('%cargo_prep')], { cwd: dir })
    const config = await readFile(join(dir, '.cargo/config.toml'), 'utf8')
    assert.match(config, /^directory = "\/usr\/share\/cargo\/registry"$/m)
    await assert.rejects(readFile(join(dir, 'Cargo.lock')))
  })

  for (const [text, want] of [
    ['%cargo_build -n -f one,two', 'build --no-default-features --features one,two'],
    ['%cargo_build -a', 'build --all-features'],
    ['%cargo_test -- -- --skip slow', 'test --no-fail-fast -- --skip slow'],
  ] as const)
    test(`${text} runs cargo ${want}`, async () => {
      const words = (await macros.expand(text)).split(/\s+/)
      const known = /^(-j\d*|--offline|--profile|rpm)$/
      const after = words.slice(words.indexOf('/usr/bin/cargo') + 1)
      assert.deepEqual(after.filter((word) => !known.test(word)).join(' '), want)
    })

  test('%cargo_generate_buildrequires prints crates with the versions that cargo accepts', async (t) => {
    if (!hasPython) return t.skip('needs Python 3.11')
    const dir = await directory({
      'Cargo.toml': `[dependencies]
one = "1.2"
zero = { version = "0.3.1", package = "other" }
same = "=2.0"
local = { path = "local" }
[build-dependencies]
any = "*"
[dev-dependencies]
tests = "~1.4"
`,
    })
    const script = await macros.expand('%cargo_generate_buildrequires -t')
    assert.deepEqual((await runOrThrow('bash', ['-c', script], { cwd: dir })).trim().split('\n'), [
      'cargo-rpm-macros',
      '(crate(one) >= 1.2 with crate(one) < 2~)',
      '(crate(other) >= 0.3.1 with crate(other) < 0.4~)',
      'crate(same) = 2.0',
      'crate(any)',
      '(crate(tests) >= 1.4 with crate(tests) < 1.5~)',
    ])
  })

  test('%cargo_license lists the licenses of the crates that are linked', async (t) => {
    if (!hasPython) return t.skip('needs Python 3.11')
    const packages = [
      { name: 'own', version: '1.0.0', license: 'MIT', source: null },
      { name: 'dep', version: '2.1.0', license: null, source: 'registry+x' },
    ]
    const script = join(macros.dir, 'usr/lib/rpm/copr-mini/cargo-licenses.py')
    for (const [option, want] of [
      [[], 'MIT: own v1.0.0\nunknown: dep v2.1.0\n'],
      [['--summary'], 'MIT\nunknown\n'],
      [['--manifest'], 'dep v2.1.0\n'],
    ] as const) {
      const input = JSON.stringify({ packages })
      assert.equal(await runOrThrow('python3', [script, ...option], { input }), want)
    }
  })

  test('vendored crates are listed as bundled() provides', async () => {
    const dir = await directory({ 'cargo-vendor.txt': 'dep v2.1.0\nother v0.1.0+x\n' })
    const script = await macros.expand(
      `%{load:${macros.dir}/usr/lib/rpm/fileattrs/cargo_vendor.attr}%{__cargo_vendor_provides}`,
    )
    const input = `${dir}/cargo-vendor.txt\n`
    assert.equal(
      await runOrThrow('sh', ['-c', script], { input }),
      'bundled(crate(dep)) = 2.1.0\nbundled(crate(other)) = 0.1.0+x\n',
    )
  })

  const GEMSPEC = `Gem::Specification.new do |s|
  s.name, s.version, s.summary, s.authors = 'own', '1.0', 'x', ['x']
  s.files = ['a.rb', 'b.rb']
  s.add_runtime_dependency 'loose', '>= 0'
  s.add_runtime_dependency 'tilde', '~> 1.2.3'
  s.add_runtime_dependency 'range', '>= 1', '< 3'
  s.add_development_dependency 'test', '>= 1'
end
`

  test('gems provide and require rubygem() with the same version bounds as in Fedora', async (t) => {
    if (!hasRuby) return t.skip('needs ruby')
    const dir = await directory({ 'own.gemspec': GEMSPEC })
    const script = join(macros.dir, 'usr/lib/rpm/copr-mini/rubygems-dependencies.rb')
    const input = `${dir}/own.gemspec\n`
    assert.equal(
      await runOrThrow('ruby', [script, '--provides'], { input }),
      'rubygem(own) = 1.0\n',
    )
    assert.deepEqual(
      (await runOrThrow('ruby', [script, '--requires'], { input })).trim().split('\n'),
      [
        'ruby(rubygems)',
        'rubygem(loose)',
        '(rubygem(tilde) >= 1.2.3 with rubygem(tilde) < 1.3)',
        '(rubygem(range) >= 1 with rubygem(range) < 3)',
      ],
    )
  })

  test('the %gemspec_ macros change the dependencies and files of a gemspec', async (t) => {
    if (!hasRuby) return t.skip('needs ruby')
    const dir = await directory({ 'own.gemspec': GEMSPEC })
    const edit = async (text: string): Promise<string> => {
      const defines = { gem_name: 'own', version: '1.0', __ruby: 'ruby' }
      const script = await macros.expand(text.replace('MACRO', '-s own.gemspec'), defines)
      return await runOrThrow('bash', ['-c', script], { cwd: dir })
    }
    await edit('%gemspec_remove_dep MACRO -g loose')
    await edit('%gemspec_add_dep MACRO -g added ">= 2"')
    await edit('%gemspec_remove_file MACRO "a.rb"')
    // Sorted, because versions of RubyGems print the bounds of a dependency in different orders, which does not matter.
    const print = `s = Gem::Specification.load("own.gemspec")
puts s.runtime_dependencies.map { |d| "#{d.name} (#{d.requirement.as_list.sort.join(", ")})" }.join(";"), s.files.join(";")`
    assert.equal(
      await runOrThrow('ruby', ['-e', print], { cwd: dir }),
      'tilde (~> 1.2.3);range (< 3, >= 1);added (>= 2)\nb.rb\n',
    )
    await assert.rejects(edit('%gemspec_remove_dep MACRO -g absent'), /has no such runtime/)
  })

  /** Creates a directory with these files. */
  async function directory(files: Record<string, string>): Promise<string> {
    const dir = join(macros.dir, `dir-${++count}`)
    await mkdir(dir)
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(dir, name, '..'), { recursive: true })
      await writeFile(join(dir, name), text)
    }
    return dir
  }
})
