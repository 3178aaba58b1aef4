/** Every URL that pages link to. */
interface ProjectName {
  ownername: string
  name: string
}
interface BuildName {
  id: number
  ownername: string
  projectname: string
}

const part = encodeURIComponent

export const paths = {
  home: () => '/',
  login: (next?: string) => (next === undefined ? '/login/' : `/login/?next=${part(next)}`),
  oidcLogin: (next: string) => `/oidc_login/?next=${part(next)}`,
  logout: () => '/logout/',
  myGroups: () => '/groups/list/my/',
  activateGroup: (provider_group: string) => `/groups/activate/${part(provider_group)}/`,
  api: () => '/api/',
  apiDocs: () => '/api_3/docs/',
  rss: () => '/rss/',
  newToken: () => '/api/new/',
  account: () => '/user/info/',
  ownData: () => '/user/info/download/',
  changePassword: () => '/user/password/',
  changeMail: () => '/user/mail/',
  closeSessions: () => '/user/sessions/close/',
  tokens: () => '/user/tokens/',
  newNamedToken: () => '/user/tokens/new/',
  revokeToken: (id: number) => `/user/tokens/${id}/revoke/`,
  ownAudit: () => '/user/audit/',
  siteAudit: () => '/admin/audit/',
  recent: () => '/recent/',
  status: (state: string) => `/status/${state}/`,
  builders: () => '/status/builders/',
  batch: (id: number) => `/status/batches/detail/${id}/`,
  search: () => '/coprs/fulltext/',
  owner: (ownername: string) => `${ownerPath(ownername)}/`,
  newProject: (ownername: string) => `${ownerPath(ownername)}/add/`,
  createProject: (ownername: string) => `${ownerPath(ownername)}/new/`,
  project: (project: ProjectName) => `${projectPath(project)}/`,
  packages: (project: ProjectName) => `${projectPath(project)}/packages/`,
  package: (project: ProjectName, name: string) => `${projectPath(project)}/package/${part(name)}/`,
  addPackage: (project: ProjectName, type: string) =>
    `${projectPath(project)}/package/add/${type}/`,
  createPackage: (project: ProjectName, type: string) =>
    `${projectPath(project)}/package/new/${type}/`,
  editPackage: (project: ProjectName, name: string, type: string) =>
    `${projectPath(project)}/package/${part(name)}/edit/${type}/`,
  resetPackage: (project: ProjectName, name: string) =>
    `${projectPath(project)}/package/${part(name)}/reset/`,
  deletePackage: (project: ProjectName, name: string) =>
    `${projectPath(project)}/package/${part(name)}/delete/`,
  rebuildPackage: (project: ProjectName, name: string) =>
    `${projectPath(project)}/package/${part(name)}/rebuild/`,
  packageBadge: (project: ProjectName, name: string) =>
    `${projectPath(project)}/package/${part(name)}/status_image/last_build.svg`,
  monitor: (project: ProjectName) => `${projectPath(project)}/monitor/`,
  permissions: (project: ProjectName) => `${projectPath(project)}/permissions/`,
  updatePermissions: (project: ProjectName) => `${projectPath(project)}/update_permissions/`,
  requestPermissions: (project: ProjectName) =>
    `${projectPath(project)}/permissions_applier_change/`,
  integrations: (project: ProjectName) => `${projectPath(project)}/integrations/`,
  newWebhookSecret: (project: ProjectName) => `${projectPath(project)}/integrations/new_secret/`,
  outgoingWebhooks: (project: ProjectName) => `${projectPath(project)}/outgoing_webhooks/`,
  addOutgoingWebhook: (project: ProjectName) => `${projectPath(project)}/outgoing_webhooks/add/`,
  outgoingWebhook: (project: ProjectName, id: number) =>
    `${projectPath(project)}/outgoing_webhooks/${id}/`,
  outgoingWebhookAction: (
    project: ProjectName,
    id: number,
    action: 'edit' | 'test' | 'new_secret' | 'delete',
  ) => `${projectPath(project)}/outgoing_webhooks/${id}/${action}/`,
  resendDelivery: (project: ProjectName, id: number, delivery: number) =>
    `${projectPath(project)}/outgoing_webhooks/${id}/resend/${delivery}/`,
  newSigningSecret: (project: ProjectName) =>
    `${projectPath(project)}/integrations/new_signing_secret/`,
  webhookSettings: (project: ProjectName) =>
    `${projectPath(project)}/integrations/webhook_settings/`,
  setCredentials: (project: ProjectName) => `${projectPath(project)}/integrations/credentials/`,
  setForgeToken: (project: ProjectName) => `${projectPath(project)}/integrations/forge_tokens/`,
  deleteSecret: (project: ProjectName, id: number) =>
    `${projectPath(project)}/integrations/secrets/${id}/delete/`,
  delivery: (project: ProjectName, id: number) =>
    `${projectPath(project)}/integrations/deliveries/${id}/`,
  replayDelivery: (project: ProjectName, id: number) =>
    `${projectPath(project)}/integrations/deliveries/${id}/replay/`,
  builds: (project: ProjectName) => `${projectPath(project)}/builds/`,
  buildFromUrl: (project: ProjectName) => `${projectPath(project)}/add_build/`,
  buildFromUpload: (project: ProjectName) => `${projectPath(project)}/add_build_upload/`,
  buildFromSource: (project: ProjectName, type: string) =>
    `${projectPath(project)}/add_build_${type}/`,
  projectAudit: (project: ProjectName) => `${projectPath(project)}/audit/`,
  fork: (project: ProjectName) => `${projectPath(project)}/fork/`,
  regenerate: (project: ProjectName) => `${projectPath(project)}/createrepo/`,
  settings: (project: ProjectName) => `${projectPath(project)}/edit/`,
  updateSettings: (project: ProjectName) => `${projectPath(project)}/update/`,
  chrootSettings: (project: ProjectName, chroot: string) =>
    `${projectPath(project)}/edit_chroot/${part(chroot)}/`,
  updateChroot: (project: ProjectName, chroot: string) =>
    `${projectPath(project)}/update_chroot/${part(chroot)}/`,
  comps: (project: ProjectName, chroot: string) =>
    `${projectPath(project)}/chroot/${part(chroot)}/comps/`,
  deleteProject: (project: ProjectName) => `${projectPath(project)}/delete/`,
  build: (build: BuildName) => `${buildProjectPath(build)}/build/${build.id}/`,
  chain: (project: ProjectName, id: number) => `${projectPath(project)}/chain/${id}/`,
  cancelBuild: (build: BuildName) => `${buildProjectPath(build)}/cancel_build/${build.id}/`,
  deleteBuild: (build: BuildName) => `${buildProjectPath(build)}/delete_build/${build.id}/`,
  repeatBuild: (build: BuildName) => `${buildProjectPath(build)}/repeat_build/${build.id}/`,
  submitRepeated: (build: BuildName) => `${buildProjectPath(build)}/new_build_rebuild/${build.id}/`,
  repoFile: (project: ProjectName, name_release: string) =>
    `${projectPath(project)}/repo/${name_release}/${repoFileName(project, name_release)}`,
}

function repoFileName({ ownername, name }: ProjectName, name_release: string): string {
  return `${ownername.replace(/^@/, 'group_')}-${name}-${name_release}.repo`
}

/** The path of an owner's pages; a group is `g/GROUP` instead of `@GROUP`. */
function ownerPath(ownername: string): string {
  return ownername.startsWith('@')
    ? `/coprs/g/${part(ownername.slice(1))}`
    : `/coprs/${part(ownername)}`
}

function projectPath({ ownername, name }: ProjectName): string {
  return `${ownerPath(ownername)}/${part(name)}`
}

function buildProjectPath({ ownername, projectname }: BuildName): string {
  return projectPath({ ownername, name: projectname })
}
