import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { FEDORA_REVIEW_PREFIX, type RpmTask } from '@copr/contract/builder-protocol'
import { RepoConfig } from '@copr/contract/chroot-config'
import { runOrThrow } from '@copr/process/run'
import { build, fixture, skip, specOf, start, useFixture } from '../src/testing/engine-suite.ts'

/** A replacement for fedora-review, which Debian lacks. The name of the package decides how it behaves. */
const STAND_IN = `#!/bin/sh
[ "$*" = "--no-colors --prebuilt --rpm-spec --name $5 --mock-config child.cfg" ] || exit 2
[ "$(id -u)" != 0 ] && [ -n "$REVIEW_NO_MOCKGROUP_CHECK" ] || exit 3
ls ./"$5"-*.noarch.rpm ./"$5"-*.src.rpm ./"$5".spec child.cfg || exit 4
case $5 in
  broken) echo it cannot >&2; exit 1 ;;
  slow) sleep 1000 ;;
esac
mkdir "$5" && cd "$5"
{
  echo '[!]: first'
  echo '===== SHOULD items ====='
  echo '[!]: second'
  grep -c ^ /proc/net/dev
} >review.txt
echo '{}' >review.json
ln -s /etc/passwd licensecheck.txt
echo secret >other.txt
if [ "$5" = big ]; then head -c 3000000 /dev/zero | tr '\\0' x >rpmlint.txt; cat rpmlint.txt; fi
`
useFixture()

let making: Promise<RpmTask['chroot']> | undefined
/** Returns a chroot whose repositories contain the replacement. */
const chrootWithTools = (): Promise<RpmTask['chroot']> => (making ??= makeChroot())

async function makeChroot(): Promise<RpmTask['chroot']> {
  const dir = await mkdtemp(join(fixture.dir, 'tools-'))
  await writeFile(join(dir, 'tool'), STAND_IN)
  const spec = join(dir, 'fedora-review.spec')
  await writeFile(
    spec,
    `Name: fedora-review
Version: 1
Release: 1
Summary: A stand-in
License: MIT
BuildArch: noarch
%description
A stand-in.
%install
install -D -m 755 ${dir}/tool %{buildroot}/usr/bin/fedora-review
%files
/usr/bin/fedora-review
`,
  )
  const macros = ['--define', `_topdir ${dir}/topdir`, '--define', `_rpmdir ${dir}`]
  await runOrThrow('rpmbuild', ['-bb', ...macros, spec], { env: { HOME: dir } })
  await runOrThrow('createrepo_c', ['--quiet', dir])
  const tools = RepoConfig.parse({ id: 'tools', name: 'Tools', baseurl: pathToFileURL(dir).href })
  const plain = (await fixture.task(specOf())).chroot
  return { ...plain, repos: [...plain.repos, tools] }
}

const uploaded = async (uploads: Map<string, string>, name: string): Promise<string> =>
  await readFile(uploads.get(name) ?? assert.fail(`no ${name}`), 'utf8')

test('rpmlint checks the packages of a build, and its findings are counted', { skip }, async () => {
  const spec = specOf({ name: 'lint' }).replace('License: MIT', 'License: Nobody knows')
  const { context, outcome } = await build(await fixture.task(spec, { reviews: ['rpmlint'] }))
  assert.ok(outcome.outcome === 'succeeded', context.text())
  const [review, ...more] = outcome.reviews ?? []
  assert.deepEqual(more, [])
  assert.ok(review?.tool === 'rpmlint' && review.errors > 0 && review.warnings > 0, context.text())
  const report = await uploaded(context.uploads, 'rpmlint.txt')
  assert.match(report, /^lint\.noarch: W: invalid-license Nobody knows$/m)
  assert.match(report, / 2 packages and 1 specfiles checked; /)
  assert.ok(outcome.files.some(({ name }) => name === 'rpmlint.txt'))
  assert.match(context.text(), /^rpmlint: \d+ errors, \d+ warnings$/m)
})

test('fedora-review publishes its reports and no other files', { skip }, async () => {
  const spec = specOf({ name: 'good' })
  const task = await fixture.task(spec, {
    chroot: await chrootWithTools(),
    reviews: ['fedora-review'],
  })
  const { context, outcome } = await build(task)
  assert.ok(outcome.outcome === 'succeeded', context.text())
  assert.deepEqual(
    outcome.reviews,
    [{ tool: 'fedora-review', errors: 1, warnings: 1 }],
    context.text(),
  )
  const names = outcome.files.map(({ name }) => name).filter((name) => name.includes('~'))
  assert.deepEqual(
    names.toSorted(),
    ['fedora-review.log', 'review.json', 'review.txt'].map((name) => FEDORA_REVIEW_PREFIX + name),
  )
  const report = await uploaded(context.uploads, `${FEDORA_REVIEW_PREFIX}review.txt`)
  // /proc/net/dev has two lines of headings, and one line for the loopback device.
  assert.match(report, /^3$/m)
  assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
})

test('a report that is too long is cut off', { skip }, async () => {
  const spec = specOf({ name: 'big' })
  const task = await fixture.task(spec, {
    chroot: await chrootWithTools(),
    reviews: ['fedora-review'],
  })
  const { context, outcome } = await build(task)
  assert.ok(outcome.outcome === 'succeeded', context.text())
  for (const name of ['rpmlint.txt', 'fedora-review.log']) {
    const path = context.uploads.get(FEDORA_REVIEW_PREFIX + name) ?? assert.fail(context.text())
    assert.equal((await stat(path)).size, 1024 * 1024, name)
  }
})

test('a review tool that is missing or fails does not fail the build', { skip }, async () => {
  const plain = await fixture.task(specOf({ name: 'good' }), { reviews: ['fedora-review'] })
  const broken = await fixture.task(specOf({ name: 'broken' }), {
    chroot: await chrootWithTools(),
    reviews: ['fedora-review', 'rpmlint'],
  })
  const missing = await build(plain)
  assert.ok(missing.outcome.outcome === 'succeeded', missing.context.text())
  assert.equal(missing.outcome.reviews, undefined)
  assert.match(
    missing.context.text(),
    /^No report of fedora-review, which does not affect the build: .*nothing provides fedora-review$/m,
  )
  const failed = await build(broken)
  assert.ok(failed.outcome.outcome === 'succeeded', failed.context.text())
  assert.deepEqual(
    failed.outcome.reviews?.map(({ tool }) => tool),
    ['rpmlint'],
  )
  assert.match(
    failed.context.text(),
    /^No report of fedora-review, .*: it left no review.txt: exit code 1: [^]*it cannot$/m,
  )
  assert.deepEqual(failed.context.unclean, [])
})

test('a build can be canceled during a review', { skip }, async () => {
  const spec = specOf({ name: 'slow' })
  const task = await fixture.task(spec, {
    chroot: await chrootWithTools(),
    reviews: ['fedora-review'],
  })
  const { context, outcome } = start(task)
  await context.says('Checking the packages with fedora-review')
  context.abort('canceled')
  assert.equal((await outcome).outcome, 'canceled')
})
