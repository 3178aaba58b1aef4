import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { build, fixture, reasonOf, skip, specOf, useFixture } from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'

useFixture()

const UNTOUCHED = 'only the agent'

/** Makes a file on the host. The returned object also has a function which asserts that neither the file nor its directory has changed. */
async function hostFile() {
  const dir = await mkdtemp('/var/tmp/copr-victim-')
  const path = join(dir, 'file')
  await writeFile(path, UNTOUCHED)
  const before = await stat(path)
  return {
    path,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
    async assertUnchanged() {
      assert.equal(await readFile(path, 'utf8'), UNTOUCHED)
      const { uid, mode, nlink, ctimeMs } = await stat(path)
      assert.deepEqual(
        { uid, mode, nlink, ctimeMs },
        { uid: before.uid, mode: before.mode, nlink: before.nlink, ctimeMs: before.ctimeMs },
      )
      assert.deepEqual(await readdir(dir), ['file'])
    },
  }
}

test(
  'a package that replaces rpmbuild in the buildroot cannot make root write to a file of the host',
  { skip },
  async () => {
    await using victim = await hostFile()
    const { repos, addWithScriptlets } = await projectRepository('hijack')
    const links = [
      '.rpmmacros',
      'build/SPECS/probe.spec',
      'build/SRPMS/probe-1.0-1.src.rpm',
      'build/RPMS/probe-1.0-1.noarch.rpm',
      'build/SOURCES/probe.spec',
      'build.log',
    ]
    await addWithScriptlets(
      'hijack',
      `%post
cat >/usr/bin/rpmbuild <<'END'
#!/bin/sh
echo hijacked
for name in ${links.join(' ')}; do ln -sf ${victim.path} /builddir/$name; done
for name in RPMS SRPMS; do ln -sf ${victim.path} /builddir/build/$name/link.rpm; done
for name in /tmp/x /var/tmp/x /dev/shm/x; do ln -sf ${victim.path} $name; done
exit 0
END
for name in hosts resolv.conf nsswitch.conf passwd group mtab; do ln -sf ${victim.path} /etc/$name; done`,
    )
    const task = await fixture.task(specOf({ head: 'BuildRequires: hijack' }), { repos })
    const { context, outcome } = await build(task)
    assert.match(context.text(), /^hijacked$/m)
    assert.equal(reasonOf(outcome), 'rpmbuild -bs produced no SRPM')
    await victim.assertUnchanged()
  },
)

/** Returns a script that tries to write to a file of the host through every path that might lead there, and prints each path that does. */
function probeLines(victim: string): string {
  return `for root in '' /proc/1/root /proc/self/root /proc/self/cwd/../../../../../../../.. /proc/*/root /proc/*/cwd /proc/*/fd/* ; do
  if [ -e "$root${victim}" ]; then echo "ESCAPED by $root"; echo changed >"$root${victim}"; fi
done
ln -sf ${victim} /tmp/link; if echo changed 2>/dev/null >/tmp/link; then echo 'ESCAPED by a link'; fi; rm -f /tmp/link
echo "tried in`
}

test(
  'no spec section or scriptlet, in shell or in Lua, can read or write a file of the host',
  { skip },
  async () => {
    await using victim = await hostFile()
    const { repos, addWithScriptlets } = await projectRepository('scriptlets')
    await addWithScriptlets('shellish', `%post\n${probeLines(victim.path)} %%post"`)
    await addWithScriptlets(
      'luaish',
      `%post -p <lua>
local roots = { "", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../../../../../../.." }
for fd = 0, 60 do
  roots[#roots + 1] = "/proc/self/fd/" .. fd
  roots[#roots + 1] = "/proc/self/fd/" .. fd .. "/../../../../../../../.."
end
for _, root in ipairs(roots) do
  for _, mode in ipairs({ "r", "a" }) do
    local file = io.open(root .. "${victim.path}", mode)
    if file then
      print("ESCAPED by Lua and " .. root)
      if mode == "a" then file:write("changed") end
      file:close()
    end
  end
end
posix.symlink("${victim.path}", "/tmp/lua-link")
local file = io.open("/tmp/lua-link", "a")
if file then print("ESCAPED by Lua and a link") end
os.remove("/tmp/lua-link")
print("tried in Lua")`,
    )
    const head = 'BuildRequires: shellish, luaish'
    const spec = specOf({
      head,
      prep: `${probeLines(victim.path)} %%prep"`,
      build: `${probeLines(victim.path)} %%build"`,
    }).replace(
      '%build',
      `%generate_buildrequires\n{\n${probeLines(victim.path)} %%generate_buildrequires"\n} >&2\n%build`,
    )
    const { context, outcome } = await build(await fixture.task(spec, { repos }))
    const text = context.text()
    assert.equal(outcome.outcome, 'succeeded', text)
    for (const where of ['%post', 'Lua', '%prep', '%build', '%generate_buildrequires'])
      assert.ok(text.split('\n').includes(`tried in ${where}`), `${where}\n${text}`)
    assert.doesNotMatch(text, /^ESCAPED.*/m)
    await victim.assertUnchanged()
  },
)

const RPMS = '/builddir/build/RPMS'
/** Makes nested directories whose path below the current directory has 6,000 bytes, more than PATH_MAX. */
const GO_DEEP = `i=0; while [ $i -lt 30 ]; do d=$(printf 'd%.0s' $(seq 200)); mkdir $d && cd -P $d || break; i=$((i+1)); done; echo "depth $i"`
/**
 * Files that a build leaves behind, and the reason with which it then fails. Without a reason, it succeeds and publishes only its package.
 */
const LEFT: { title: string; script: string; reason?: RegExp; is_dynamic?: boolean }[] = [
  {
    title: 'links, pipes, sockets and directories named like packages',
    script: `cd ${RPMS}
ln -s /etc/passwd a.rpm; ln -s /etc/shadow b.rpm; ln -s . c.rpm; mkfifo d.rpm; mkdir e.rpm; mknod f.rpm c 1 3 || :; mknod g.rpm b 254 0 || :`,
  },
  {
    title: 'a name with a newline',
    script: `touch "$(printf '${RPMS}/new\\nline.rpm')"`,
    reason: /^the build left a file named "new\\nline\.rpm" in its RPMS folder$/,
  },
  {
    title: 'a name like an option',
    script: `touch ${RPMS}/-rf.rpm`,
    reason: /^the build left a file named "-rf\.rpm" in its RPMS folder$/,
  },
  {
    title: 'a name that is a path when decoded',
    script: `touch '${RPMS}/..%2f..%2fx.rpm'`,
    reason: /^the build left a file that is not an RPM: /,
  },
  {
    title: 'a name that is not UTF-8',
    script: `touch "$(printf '${RPMS}/\\377.rpm')"`,
    reason: /^the build left a file named .* in its RPMS folder$/,
  },
  {
    title: 'text named like a package',
    script: `echo text >${RPMS}/text.rpm`,
    reason: /^the build left a file that is not an RPM: /,
  },
  {
    title: 'a truncated package',
    script: `head -c 500 /dev/zero >${RPMS}/zero.rpm`,
    reason: /^the build left a file that is not an RPM: /,
  },
  {
    title: 'a file instead of the folder RPMS',
    script: `rm -rf ${RPMS}; touch ${RPMS}`,
    reason: /^rpmbuild exited with code 1: /,
  },
  {
    title: 'no RPMS folder',
    // %clean runs after the packages have been written.
    script: `%clean\nrm -rf ${RPMS}`,
    reason: /^the build removed its RPMS folder$/,
  },
  {
    title: 'a link instead of the folder SRPMS',
    script: 'rm -rf /builddir/build/SRPMS; ln -s /tmp /builddir/build/SRPMS',
    reason: /^the build replaced its SRPMS folder with a link or a file$/,
    is_dynamic: true,
  },
  {
    title: 'two SRPMs',
    script: 'touch /builddir/build/SRPMS/other.src.rpm',
    reason: /^the build left 2 SRPMs instead of one$/,
    is_dynamic: true,
  },
  {
    title: 'a path longer than PATH_MAX, and a directory without permissions',
    script: `for place in /tmp /var/tmp /builddir ${RPMS}; do
  (cd $place; ${GO_DEEP})
done
mkdir /builddir/closed; touch /builddir/closed/file; chmod 0 /builddir/closed`,
  },
]

for (const { title, script, reason, is_dynamic } of LEFT)
  test(`a build that leaves ${title} harms nothing`, { skip }, async () => {
    const spec = specOf({ check: script })
    const task = await fixture.task(
      is_dynamic === true ? spec.replace('%build', '%generate_buildrequires\n:\n%build') : spec,
    )
    const { context, outcome } = await build(task)
    if (reason) assert.match(reasonOf(outcome), reason, context.text())
    else {
      assert.equal(outcome.outcome, 'succeeded', context.text())
      const published = [...context.uploads.keys()].filter((name) => name.endsWith('.rpm'))
      assert.deepEqual(published.toSorted(), ['probe-1.0-1.noarch.rpm', 'probe-1.0-1.src.rpm'])
    }
    assert.deepEqual(context.unclean, [])
    assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
  })

/**
 * Ways to make a path longer than PATH_MAX in the buildroot: in the scriptlet of a package, or in the build, in a directory that a package
 * has made writable.
 */
const DEEP = [
  { where: 'a layer', name: 'deep', post: `cd /opt; ${GO_DEEP}`, script: '' },
  {
    where: 'a root',
    name: 'open',
    post: 'mkdir -m 1777 /opt/open',
    script: `cd /opt/open; ${GO_DEEP}`,
  },
]

for (const { where, name, post, script } of DEEP)
  test(`a path longer than PATH_MAX in ${where} harms nothing`, { skip }, async () => {
    const { repos, addWithScriptlets } = await projectRepository(name)
    await addWithScriptlets(name, `%post\nmkdir -p /opt\n${post}`)
    const spec = specOf({ head: `BuildRequires: ${name}`, build: script })
    const { context, outcome } = await build(await fixture.task(spec, { repos }))
    assert.equal(outcome.outcome, 'succeeded', context.text())
    assert.match(context.text(), /^depth 30$/m)
    assert.deepEqual(context.unclean, [])
    assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
  })

/**
 * Paths in the buildroot that a BuildRequires replaces in its %post, and the reason with which the build then fails; no reason if the
 * replacement is harmless.
 */
const REPLACED: { title: string; post: string; reason?: RegExp }[] = [
  {
    title: '/builddir by a file',
    post: 'rm -rf /builddir; touch /builddir',
    reason: /^\/builddir of the buildroot is not a directory: a package has replaced it$/,
  },
  {
    title: '/builddir by a link',
    post: 'rm -rf /builddir; ln -s VICTIM /builddir',
    reason: /^\/builddir of the buildroot is not a directory: a package has replaced it$/,
  },
  {
    title: '/tmp by a link',
    post: 'mv /tmp /tmp2; ln -s VICTIM /tmp',
    reason: /^\/tmp of the buildroot is not a directory: a package has replaced it$/,
  },
  {
    title: '/var/tmp by a file',
    post: 'rm -rf /var/tmp; touch /var/tmp',
    reason: /^\/var\/tmp of the buildroot is not a directory: a package has replaced it$/,
  },
  {
    title: '/etc/hosts by a directory',
    post: 'rm -f /etc/hosts; mkdir -p /etc/hosts/full',
    reason: /^\/etc\/hosts of the buildroot cannot be replaced: /,
  },
  { title: '/etc/hosts by a link', post: 'ln -sf VICTIM/file /etc/hosts' },
  {
    title: '/etc by a link',
    post: 'mv /etc /etc2; ln -s VICTIM /etc',
    reason: /./,
  },
  {
    title: '/dev and /proc, which are mounted',
    post: 'rm -rf /dev /proc /sys 2>/dev/null; mv /dev /dev2; mv /proc /proc2; :',
  },
  {
    title: 'the database of installed packages',
    post: 'rm -rf /var/lib/rpm /usr/lib/sysimage/rpm; ln -s VICTIM /var/lib/rpm',
    reason: /./,
  },
  { title: '/bin/sh by a link', post: 'ln -sf VICTIM/file /bin/sh', reason: /./ },
]

REPLACED.forEach(({ title, post, reason }, index) => {
  test(`a package that replaces ${title} fails at most its own build`, { skip }, async () => {
    await using victim = await hostFile()
    const name = `replace${index}`
    const { repos, addWithScriptlets } = await projectRepository(name)
    const script = post.replaceAll('VICTIM', join(victim.path, '..'))
    await addWithScriptlets(name, `%post\n${script}`)
    const task = await fixture.task(specOf({ head: `BuildRequires: ${name}` }), { repos })
    const { context, outcome } = await build(task)
    if (reason) assert.match(reasonOf(outcome), reason, context.text())
    else assert.equal(outcome.outcome, 'succeeded', context.text())
    assert.deepEqual(context.unclean, [])
    await victim.assertUnchanged()
    assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
  })
})
