/** A command from docs/administration/: its arguments, and the output that a reader of the docs expects. */
export interface Step {
  args: string[]
  stdin?: string
  /** Must match standard output followed by standard error. */
  says: RegExp
}

const step = (line: string, says: RegExp, stdin?: string): Step => ({
  args: line.split(' '),
  says,
  ...(stdin === undefined ? {} : { stdin }),
})

const LINK = /^http:\/\/copr\.example\.org\/login\/link\/\S{43}$/m

/**
 * The steps run in this order, on a database that contains the chroot fedora-43-x86_64 and the pool `here` with a machine. `CHROOT` stands
 * for the path of the chroot's file, `ID` for the machine's ID.
 */
export const STEPS: Step[] = [
  step('user add dana --email dana@example.org --admin', LINK),
  step('user add kim --password-stdin', /kim/, 'battery staple'),
  step('user list', /dana[^\n]*\n[^]*kim/),
  step('user show dana', /admin: yes/),
  step('user link dana', LINK),
  step('user password dana', /dana/, 'correct horse'),
  step('user block dana', /dana/),
  step('user unblock dana', /dana/),
  step('user admin dana --off', /dana/),
  step('group add orbit', /@orbit/),
  step('group list', /@orbit/),
  step('group join orbit dana', /dana is now a member of @orbit/),
  step('group members orbit', /dana/),
  step('group leave orbit dana', /no longer a member/),
  step('quota show dana', /storage +0 bytes +100 GiB +configuration/),
  step('quota set dana --storage 500G --running 20', /storage +0 bytes +500 GiB +set/),
  step('quota set @orbit --queued none', /queued +0 +none +set/),
  step('quota set owner/telescope --unpacked 40G', /unpacked +- +40 GiB +set/),
  step('quota list', /owner\/telescope +unpacked +40 GiB/),
  step('quota reset dana --storage', /Reset quotas of dana/),
  step('group delete orbit', /orbit/),
  step('token new dana ci --scope build --days 30', /\[copr-cli\][^]*token = /),
  step('token list dana', /ci/),
  step('token revoke dana ci', /ci/),
  step('chroot add CHROOT', /fedora-43-x86_64/),
  step('chroot list', /fedora-43-x86_64/),
  step('chroot disable fedora-43-x86_64', /fedora-43-x86_64/),
  step('chroot enable fedora-43-x86_64', /fedora-43-x86_64/),
  step('chroot comment fedora-43-x86_64 New', /fedora-43-x86_64/),
  step('chroot alias fedora-latest fedora-43', /fedora-latest/),
  step('chroot alias fedora-latest --remove', /fedora-latest/),
  step('builders pools', /here +local/),
  step('builders list here', /here-1/),
  step('builders show ID', /here-1/),
  step('builders waiting', /^$/),
  step('builders cordon here', /cordon here/),
  step('builders uncordon here', /uncordon here/),
  step('builders hold ID --hours 1', /here-1/),
  step('builders drain here', /Draining here: \d+ machines/),
  step('project list', /owner\/telescope/),
  step('project show owner/telescope', /telescope/),
  step('project regenerate owner/telescope', /owner\/telescope/),
  step('project rotate-key owner/telescope', /owner\/telescope/),
  step('project delete owner/telescope', /owner\/telescope/),
  step('events', /^$/),
  step('keygen log owner/telescope', /owner|^$/),
  step('keygen check', /The signature log is intact/),
  step('chroot end-of-life fedora-43-x86_64', /fedora-43-x86_64/),
  step('config check --vars VARS', /Both files are valid/),
  step('config explain profile --vars VARS', /small: one node/),
  step('config schema', /"\$schema"/),
]

/** Commands that need more than a database, each mapped to the test that runs it. */
export const RUN_ELSEWHERE: Record<string, string> = {
  deploy: 'e2e/cluster/deploy.test.ts',
  status: 'e2e/cluster/deploy.test.ts',
  upgrade: 'e2e/cluster/deploy.test.ts',
  undeploy: 'e2e/cluster/deploy.test.ts',
  'dev up': 'packages/openshift/src/dev/dev-up.test.ts',
  doctor: 'e2e/cluster/commands.test.ts',
  render: 'e2e/cluster/commands.test.ts',
  secrets: 'e2e/cluster/commands.test.ts',
  'builders enroll': 'packages/cli/src/commands/builders-command.test.ts',
  'builders doctor': 'packages/cli/src/commands/pools-commands.test.ts',
  'builders aws-policy': 'packages/cli/src/commands/pools-commands.test.ts',
  'builders reap': 'packages/cli/src/commands/reap-command.test.ts',
  submit: 'e2e/system/chain.test.ts',
  'project secrets': 'packages/cli/src/commands/keygen-commands.test.ts',
  'project delete-secret': 'packages/cli/src/commands/keygen-commands.test.ts',
  'project set-git': 'packages/cli/src/commands/keygen-commands.test.ts',
  'project set-token': 'packages/cli/src/commands/keygen-commands.test.ts',
  'image bake': 'packages/resalloc/clouds/aws-bake.test.ts',
}
