import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openFixture, type Role } from '../testing/fixture.ts'
import { requireProject } from './find-or-404.ts'

/**
 * A request that fails, and the strings in `words`, which its error must contain. An explanation follows them in the error. Clients search
 * errors for these strings: Packit, scripts that use copr-cli, and Copr's own tests.
 */
interface Situation {
  what: string
  as?: Role
  method?: string
  path: string
  json?: unknown
  status: number
  words: string[]
}

const fixture = await openFixture()
after(() => fixture[Symbol.asyncDispose]())
const { db } = fixture.t
const { finished_build: finished, running_build: running, group_builds } = fixture
const CHROOTS = ['debian-12-x86_64', 'fedora-43-x86_64']
const AT = { ownername: 'dana', projectname: 'telescope' }
const LENSCAP = { ...AT, package_name: 'lenscap' }
const ALL = '?ownername=dana&projectname=telescope'
const ALONE = 'dana/other'

const created_at = new Date()
// dana/closed has no chroots, dana/other is persistent, and dana/telescope has a package without a source.
await db
  .insertInto('project')
  .values({ ownername: 'dana', name: 'closed', user_id: fixture.t.dana.id, created_at })
  .execute()
await db.updateTable('project').set({ persistent: true }).where('name', '=', 'other').execute()
const telescope = await requireProject(db, 'dana', 'telescope')
await db
  .insertInto('package')
  .values({
    project_id: telescope.id,
    name: 'unset',
    source_type: 'unset',
    source_json: '{}',
    created_at,
  })
  .execute()

const withJson = (method: string, path: string, json: unknown) => ({ method, path, json })
const post = (path: string, json: unknown = {}) => withJson('POST', path, json)
const put = (path: string, json: unknown = {}) => withJson('PUT', path, json)
const remove = (path: string, json: unknown = {}) => withJson('DELETE', path, json)
const build = (json: object) => post('build/create/distgit', { ...LENSCAP, ...json })

const REFUSED: Situation[] = [
  {
    what: 'editing a project without the right',
    as: 'builder',
    ...put('project/edit/dana/telescope', { description: 'x' }),
    status: 403,
    words: ['Only owners and admins may update their projects.'],
  },
  {
    what: 'editing a chroot without the right',
    as: 'stranger',
    ...put(`project-chroot/edit/dana/telescope/${CHROOTS[0]}`),
    status: 403,
    words: ['Only owners and admins may update their projects.'],
  },
  {
    what: 'building without the right',
    as: 'stranger',
    ...build({}),
    status: 403,
    words: ['User kim is not allowed to build in the copr: dana/telescope'],
  },
  {
    what: 'checking a build without the right',
    as: 'stranger',
    ...post('build/check-before-build', AT),
    status: 403,
    words: ["User 'kim' is not allowed to build in 'dana/telescope'"],
  },
  {
    what: 'building a package without the right',
    as: 'stranger',
    ...post('package/build', LENSCAP),
    status: 403,
    words: ["You don't have permissions to build in this copr."],
  },
  {
    what: 'building for a forge project that is not allowed',
    as: 'owner',
    ...build({ packit_forge_project: 'https://github.com/x/y' }),
    status: 403,
    words: ["Forge project github.com/x/y can't build in this Copr via Packit."],
  },
  {
    what: 'adding a package without the right',
    as: 'builder',
    ...post('package/add/dana/telescope/new/distgit'),
    status: 403,
    words: ['You are not allowed to add or edit packages in this copr.'],
  },
  {
    what: 'deleting a package without the right',
    as: 'builder',
    ...remove('package/delete', LENSCAP),
    status: 403,
    words: ['You are not allowed to delete package'],
  },
  {
    what: 'resetting a package without the right',
    as: 'builder',
    ...put('package/reset', LENSCAP),
    status: 403,
    words: ['You are not allowed to reset package'],
  },
  {
    what: 'canceling a build without the right',
    as: 'stranger',
    ...put(`build/cancel/${running}`),
    status: 403,
    words: ['You are not allowed to cancel this build.'],
  },
  {
    what: 'deleting a build without the right',
    as: 'builder',
    ...remove(`build/delete/${finished}`),
    status: 403,
    words: [`User 'bob' doesn't have permissions to delete build ${finished}`],
  },
  {
    what: 'deleting a project without the right',
    as: 'project admin',
    ...remove('project/delete/dana/telescope'),
    status: 403,
    words: ['Only owners may delete their projects.'],
  },
  {
    what: 'deleting a persistent project',
    as: 'owner',
    ...remove(`project/delete/${ALONE}`),
    status: 403,
    words: ['This project is protected against deletion.'],
  },
  {
    what: 'reading permissions without the right',
    as: 'builder',
    path: 'project/permissions/get/dana/telescope',
    status: 403,
    words: [
      "User 'bob' can not see permissions for project 'dana/telescope' (missing admin rights)",
    ],
  },
  {
    what: 'setting permissions without the right',
    as: 'builder',
    ...put('project/permissions/set/dana/telescope', { kim: { admin: 'approved' } }),
    status: 403,
    words: ['nly owners and admins may update their projects permissions.'],
  },
  {
    what: 'a project of somebody else',
    as: 'stranger',
    ...post('project/add/dana', { name: 'new', chroots: CHROOTS }),
    status: 403,
    words: [
      "You were authorized as 'kim' user without permissions to access projects of user 'dana'",
    ],
  },
  {
    what: 'a project of a group to which one does not belong',
    as: 'stranger',
    ...post('project/add/@orbit', { name: 'new', chroots: CHROOTS }),
    status: 403,
    words: ["User 'kim' doesn't have access to the copr group 'orbit'"],
  },
  {
    what: 'a fork for a group to which one does not belong',
    as: 'stranger',
    ...post('project/fork/dana/telescope', { name: 'new', ownername: '@orbit' }),
    status: 400,
    words: ['Only members may create projects in the particular groups.'],
  },
  {
    what: 'a persistent project without being an administrator',
    as: 'owner',
    ...post('project/add/dana', { name: 'new', chroots: CHROOTS, persistent: true }),
    status: 403,
    words: ['Non-admin cannot create persistent project.'],
  },
  {
    what: 'keeping old builds without being an administrator',
    as: 'owner',
    ...put('project/edit/dana/telescope', { auto_prune: false }),
    status: 403,
    words: ['Non-admin cannot disable auto-prunning.'],
  },
  {
    what: 'no credentials',
    as: 'anonymous',
    ...post('project/add/dana'),
    status: 401,
    words: ['Login invalid/expired. Please visit ', '/api to get or renew your API token'],
  },
]

const MISSING: Situation[] = [
  {
    what: 'an unknown route',
    path: 'nothing',
    status: 404,
    words: ["Such API endpoint doesn't exist"],
  },
  {
    what: 'an unknown project',
    path: 'project?ownername=dana&projectname=nothing',
    status: 404,
    words: ['Project dana/nothing does not exist'],
  },
  {
    what: 'an unknown user as the owner',
    as: 'owner',
    ...post('project/add/nobody', { name: 'new', chroots: CHROOTS }),
    status: 404,
    words: ['No such user', 'nobody'],
  },
  {
    what: 'an unknown group as the owner',
    as: 'owner',
    ...post('project/add/@nobody', { name: 'new', chroots: CHROOTS }),
    status: 404,
    words: ['Group nobody does not exist'],
  },
  { what: 'an unknown build', path: 'build/999', status: 404, words: ['Build 999 does not exist'] },
  {
    what: 'a chroot in which the build was not built',
    path: `build-chroot?build_id=${finished}&chrootname=debian-12-x86_64`,
    status: 404,
    words: [`Build ${finished} was not submitted to debian-12-x86_64 chroot`],
  },
  {
    what: 'an unknown chroot of a project',
    path: `project-chroot${ALL}&chrootname=no-such-chroot`,
    status: 404,
    words: ['Chroot name no-such-chroot does not exist in Copr dana/telescope'],
  },
  {
    what: 'an unknown package',
    path: `package${ALL}&packagename=nothing`,
    status: 404,
    words: ['No package with name nothing in copr telescope'],
  },
  {
    what: 'building an unknown package',
    as: 'owner',
    ...post('package/build', { ...AT, package_name: 'nothing' }),
    status: 404,
    words: ['No package with name nothing in copr telescope'],
  },
  {
    what: 'the monitor of an unknown directory',
    path: `monitor${ALL}&project_dirname=telescope:custom:x`,
    status: 404,
    words: ["Dirname 'telescope:custom:x' doesn't exist in 'dana/telescope' copr"],
  },
  {
    what: 'the permissions of a project that has none',
    as: 'owner',
    path: `project/permissions/get/${ALONE}`,
    status: 404,
    words: ['No permissions set on dana/other project'],
  },
]

const INVALID: Situation[] = [
  {
    what: 'a query without its parameter',
    path: 'build-chroot/list',
    status: 400,
    words: ['Missing argument build_id'],
  },
  {
    what: 'an order that a list does not have',
    path: 'project/list?order=color',
    status: 400,
    words: ['Cannot order by color', "doesn't have such property"],
  },
  {
    what: 'unknown fields of the monitor',
    path: `monitor${ALL}&additional_fields[]=a&additional_fields[]=b`,
    status: 400,
    words: ['Wrong additional_fields argument(s): a, b'],
  },
  {
    what: 'a project that exists, and an unknown chroot',
    as: 'owner',
    ...post('project/add/dana', { name: 'telescope', chroots: ['no-such-chroot'] }),
    status: 400,
    words: [
      "name: You already have a project named 'telescope'.",
      'already exists',
      "\nchroots: 'no-such-chroot' is not a valid choice for this field",
      'Unexpected chroot: no-such-chroot',
    ],
  },
  {
    what: 'a project that the group has',
    as: 'owner',
    ...post('project/add/@orbit', { name: 'telescope', chroots: CHROOTS }),
    status: 400,
    words: ["name: Group orbit already has a project named 'telescope'."],
  },
  {
    what: 'a bad name of a project',
    as: 'owner',
    ...post('project/add/dana', { name: 'a b', chroots: CHROOTS }),
    status: 400,
    words: ['name: Name must contain only letters, digits, underscores, dashes and dots.'],
  },
  {
    what: 'a number as the name of a project',
    as: 'owner',
    ...post('project/add/dana', { name: '42', chroots: CHROOTS }),
    status: 400,
    words: ["Project's name can not be just number."],
  },
  {
    what: 'a project without a name',
    as: 'owner',
    ...post('project/add/dana', { chroots: CHROOTS }),
    status: 400,
    words: ['name: This field is required.'],
  },
  {
    what: 'an unknown chroot for a project',
    as: 'owner',
    ...put('project/edit/dana/telescope', { chroots: ['no-such-chroot'] }),
    status: 400,
    words: [
      "chroots: 'no-such-chroot' is not a valid choice for this field",
      'Unexpected chroot: no-such-chroot',
    ],
  },
  {
    what: 'dropping a chroot in which a build is running',
    as: 'owner',
    ...put('project/edit/dana/telescope', { chroots: ['debian-12-x86_64'] }),
    status: 409,
    words: ["Can't drop chroot from project, related build", 'still in progress'],
  },
  {
    what: 'a choice that a field does not offer',
    as: 'owner',
    ...put('project/edit/dana/telescope', { isolation: 'perfect' }),
    status: 400,
    words: ['isolation: Not a valid choice'],
  },
  {
    what: 'a contact that is neither an address nor a URL',
    as: 'owner',
    ...put('project/edit/dana/telescope', { contact: 'nobody' }),
    status: 400,
    words: ['contact: Contact must be email address or URL'],
  },
  {
    what: 'a repository of an unknown project',
    as: 'owner',
    ...put('project/edit/dana/telescope', { additional_repos: 'copr://dana/nothing' }),
    status: 400,
    words: ['additional_repos: copr://dana/nothing does not exist.'],
  },
  {
    what: 'a repository that is not a URL',
    as: 'owner',
    ...put('project/edit/dana/telescope', { additional_repos: 'nothing' }),
    status: 400,
    words: [
      'A list of http[s] URLs separated by whitespace characters is needed',
      "('nothing' doesn't seem to be a valid URL)",
    ],
  },
  {
    what: 'a fork into an existing project',
    as: 'owner',
    ...post('project/fork/dana/telescope', { name: 'other', ownername: 'dana' }),
    status: 400,
    words: [
      'You are about to fork into existing project: ',
      '\nPlease use --confirm if you really want to do this',
    ],
  },
  {
    what: 'a fork into the same project',
    as: 'owner',
    ...post('project/fork/dana/telescope', { name: 'telescope', ownername: 'dana', confirm: true }),
    status: 400,
    words: ['Source project should not be same as destination'],
  },
  {
    what: 'deleting a project with running builds',
    as: 'owner',
    ...remove('project/delete/dana/telescope'),
    status: 400,
    words: [`Build(s) ${running} are still running`],
  },
  {
    what: 'a build for an unknown chroot',
    as: 'owner',
    ...build({ chroots: ['no-such-chroot'] }),
    status: 400,
    words: ["chroots: 'no-such-chroot' is not a valid choice for this field"],
  },
  {
    what: 'a build in a project without chroots',
    as: 'owner',
    ...build({ projectname: 'closed' }),
    status: 400,
    words: ["Can't create build - project dana/closed has no active chroots"],
  },
  {
    what: 'a build in a directory of another project',
    as: 'owner',
    ...build({ project_dirname: 'other:custom:a' }),
    status: 400,
    words: ["Copr dirname must start with 'telescope:' prefix"],
  },
  {
    what: 'a build in a directory of an unknown kind',
    as: 'owner',
    ...post('build/check-before-build', { ...AT, project_dirname: 'telescope:bar:baz' }),
    status: 400,
    words: [
      'Please use directory format telescope:custom:<SUFFIX_OF_CHOICE> or telescope:pr:<ID> (for automatically removed directories)',
    ],
  },
  {
    what: 'a build in a directory with a bad suffix',
    as: 'owner',
    ...build({ project_dirname: 'telescope:custom:foo-' }),
    status: 400,
    words: [
      "Wrong directory 'telescope:custom:foo-' specified.",
      'Directory name can consist of alpha-numeric strings separated by colons.',
    ],
  },
  {
    what: 'a build in two batches',
    as: 'owner',
    ...build({ with_build_id: running, after_build_id: running }),
    status: 400,
    words: [
      'You may either build after build ID, or with build id, not both.',
      'Only one batch option can be specified',
    ],
  },
  {
    what: 'a build in the batch of an unknown build',
    as: 'owner',
    ...build({ with_build_id: 999 }),
    status: 400,
    words: ['with_build_id: Build 999 not found', "doesn't exist"],
  },
  {
    what: 'a build of a package without a source',
    as: 'owner',
    ...post('package/build', { ...AT, package_name: 'unset' }),
    status: 400,
    words: [
      "Package 'unset' doesn't have the default source method set, but it is required for the rebuild request.",
    ],
  },
  {
    what: 'an unknown type of source',
    as: 'owner',
    ...post('package/add/dana/telescope/new/magic'),
    status: 400,
    words: ['Unsupported package source type magic'],
  },
  {
    what: 'a package that exists',
    as: 'owner',
    ...post('package/add/dana/telescope/lenscap/rubygems', { gem_name: 'lenscap' }),
    status: 409,
    words: ['Package lenscap already exists in copr dana/telescope'],
  },
  {
    what: 'a bad name of a package',
    as: 'owner',
    ...post('package/add/dana/telescope/-x/rubygems', { gem_name: 'lenscap' }),
    status: 400,
    words: ['Please enter a valid package name'],
  },
  {
    what: 'an unknown dist-git',
    as: 'owner',
    ...build({ distgit: 'nowhere' }),
    status: 400,
    words: ['DistGit ID must be one of: '],
  },
  {
    what: 'a spec that is no spec',
    as: 'owner',
    ...post('package/add/dana/telescope/new/scm', {
      clone_url: 'https://x.example/a',
      spec: 'a.txt',
    }),
    status: 400,
    words: ['RPM spec file must end with .spec'],
  },
  {
    what: 'a script that is too long',
    as: 'owner',
    ...post('package/add/dana/telescope/new/custom', { script: 'x'.repeat(5000) }),
    status: 400,
    words: ['Maximum script size is 4kB'],
  },
  {
    what: 'a denylist that matches nothing',
    as: 'owner',
    ...post('package/edit/dana/telescope/lenscap', { chroot_denylist: 'plan9-*' }),
    status: 400,
    words: ['no chroot matched by pattern "plan9-*"'],
  },
  {
    what: 'a denylist with other characters',
    as: 'owner',
    ...post('package/edit/dana/telescope/lenscap', { chroot_denylist: 'a$b' }),
    status: 400,
    words: ['Pattern "a$b" does not match "'],
  },
  {
    what: 'a denylist of all chroots',
    as: 'owner',
    ...post('package/edit/dana/telescope/lenscap', { chroot_denylist: '*-*' }),
    status: 400,
    words: ['patterns are deny-listing all chroots'],
  },
  {
    what: 'URLs that are not sent',
    as: 'owner',
    ...post('build/create/url', { ...AT, pkgs: [] }),
    status: 400,
    words: ['URLs to packages are required'],
  },
  {
    what: 'a URL of something else than a source',
    as: 'owner',
    ...post('build/create/url', { ...AT, pkgs: ['https://x.example/a.rpm'] }),
    status: 400,
    words: [
      'URLs must end with .src.rpm, .nosrc.rpm, or .spec',
      "('https://x.example/a.rpm' doesn't seem to be a valid URL)",
    ],
  },
  {
    what: 'canceling a finished build',
    as: 'owner',
    ...put(`build/cancel/${finished}`),
    status: 409,
    words: [`Cannot cancel build ${finished}`],
  },
  {
    what: 'deleting an unfinished build',
    as: 'owner',
    ...remove(`build/delete/${running}`),
    status: 409,
    words: [`can not delete build ${running}`],
  },
  {
    what: 'deleting builds of which none can be deleted',
    as: 'owner',
    ...remove('build/delete/list', { builds: [running, 999] }),
    status: 400,
    words: [`Build(s) ${running} are still running`, "\nBuild(s) 999 don't exist"],
  },
  {
    what: 'deleting builds without the right',
    as: 'builder',
    ...remove('build/delete/list', { builds: [finished] }),
    status: 400,
    words: [`You don't have permissions to delete build(s) ${finished}`],
  },
  {
    what: 'deleting builds of several projects',
    as: 'owner',
    ...remove('build/delete/list', { builds: [finished, group_builds.finished_build] }),
    status: 400,
    words: ['Can not delete builds from more project'],
  },
  {
    what: 'resetting a field that a chroot does not have',
    as: 'owner',
    ...put(`project-chroot/edit/dana/telescope/${CHROOTS[0]}`, { reset_fields: ['color'] }),
    status: 400,
    words: [
      'Trying to reset an invalid attribute: color',
      `\nSee \`copr-cli get-chroot dana/telescope/${CHROOTS[0]}' for all the possible attributes`,
    ],
  },
  {
    what: 'a module without a stream',
    as: 'owner',
    ...put(`project-chroot/edit/dana/telescope/${CHROOTS[0]}`, { additional_modules: 'nodejs' }),
    status: 400,
    words: [
      "Module name 'nodejs' must consist of two parts separated with colon, e.g. module:stream",
    ],
  },
  {
    what: 'a module twice',
    as: 'owner',
    ...put(`project-chroot/edit/dana/telescope/${CHROOTS[0]}`, {
      additional_modules: 'nodejs:1,nodejs:2',
    }),
    status: 400,
    words: ["Module name 'nodejs' specified multiple times"],
  },
  {
    what: 'an image that is none',
    as: 'owner',
    ...put(`project-chroot/edit/dana/telescope/${CHROOTS[0]}`, { bootstrap_image: 'a b' }),
    status: 400,
    words: ['Enter valid bootstrap image id (<name>[:<tag>]'],
  },
  {
    what: 'permissions of an unknown user',
    as: 'owner',
    ...put('project/permissions/set/dana/telescope', { nobody: { admin: 'approved' } }),
    status: 400,
    words: ["user 'nobody' doesn't exist in database"],
  },
  {
    what: 'permissions of the owner',
    as: 'owner',
    ...put('project/permissions/set/dana/telescope', { dana: { admin: 'approved' } }),
    status: 400,
    words: ["user 'dana' is owner of the 'dana/telescope' project"],
  },
  {
    what: 'permissions of nobody',
    as: 'owner',
    ...put('project/permissions/set/dana/telescope'),
    status: 400,
    words: ['no permission change requested'],
  },
  {
    what: 'an unknown role',
    as: 'owner',
    ...put('project/permissions/set/dana/telescope', { kim: { king: 'approved' } }),
    status: 400,
    words: ["invalid permission 'king', allowed admin|builder"],
  },
  {
    what: 'an unknown state of a role',
    as: 'owner',
    ...put('project/permissions/set/dana/telescope', { kim: { admin: 'maybe' } }),
    status: 400,
    words: ["invalid 'admin' permission state 'maybe', use nothing|request|approved"],
  },
  {
    what: 'a request of no role',
    as: 'stranger',
    ...put('project/permissions/request/dana/telescope'),
    status: 400,
    words: ['no permission requested'],
  },
  {
    what: 'a request of an unknown role',
    as: 'stranger',
    ...put('project/permissions/request/dana/telescope', { admin_invalid: true }),
    status: 400,
    words: ["invalid permission 'admin_invalid'"],
  },
  {
    what: 'a request that is neither true nor false',
    as: 'stranger',
    ...put('project/permissions/request/dana/telescope', { admin: 'bad' }),
    status: 400,
    words: ["invalid 'admin' permission request 'bad', expected True or False"],
  },
  {
    what: 'a request of the owner',
    as: 'owner',
    ...put('project/permissions/request/dana/telescope', { builder: true }),
    status: 400,
    words: ["is owner of the 'dana/telescope' project"],
  },
  {
    what: 'a request of a role that one has',
    as: 'builder',
    ...put('project/permissions/request/dana/telescope', { builder: true }),
    status: 400,
    words: ["You already are 'builder' in 'dana/telescope'"],
  },
]

for (const { what, as = 'anonymous', method = 'GET', path, json, status, words } of [
  ...REFUSED,
  ...MISSING,
  ...INVALID,
])
  test(`the error for ${what} contains the words that clients search for`, async () => {
    const response = await fixture.t.app.request(`/api_3/${path}`, {
      method,
      headers: { ...fixture.as(as), 'content-type': 'application/json' },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    const { error } = (await response.json()) as { error: string }
    assert.equal(response.status, status, error)
    for (const each of words) assert.ok(error.includes(each), `${each}\nis not in\n${error}`)
  })
