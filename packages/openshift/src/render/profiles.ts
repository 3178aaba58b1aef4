/** Resources of one container, and its replicas. There is no CPU limit: it would only slow down starts. */
export interface Size {
  cpu: string
  memory: string
  memory_limit: string
  replicas: number
}

export interface Profile {
  frontend: Size
  backend: Size
  distgit: Size
  keygen: Size
  resalloc: Size
  postgresql: Size
  /** Maximum number of frontend replicas when it scales with load, which needs storage that several pods can share. */
  frontend_max: number
  results: string
  sources: string
  database: string
  database_instances: number
}

export const PROFILES: Record<'small' | 'medium' | 'large', Profile> = {
  small: {
    frontend: { cpu: '50m', memory: '192Mi', memory_limit: '512Mi', replicas: 1 },
    backend: { cpu: '50m', memory: '192Mi', memory_limit: '512Mi', replicas: 1 },
    distgit: { cpu: '20m', memory: '128Mi', memory_limit: '384Mi', replicas: 1 },
    keygen: { cpu: '10m', memory: '96Mi', memory_limit: '256Mi', replicas: 1 },
    resalloc: { cpu: '20m', memory: '128Mi', memory_limit: '320Mi', replicas: 1 },
    postgresql: { cpu: '50m', memory: '256Mi', memory_limit: '512Mi', replicas: 1 },
    frontend_max: 1,
    results: '20Gi',
    sources: '10Gi',
    database: '5Gi',
    database_instances: 1,
  },
  medium: {
    frontend: { cpu: '100m', memory: '256Mi', memory_limit: '640Mi', replicas: 2 },
    backend: { cpu: '200m', memory: '384Mi', memory_limit: '1Gi', replicas: 2 },
    distgit: { cpu: '100m', memory: '256Mi', memory_limit: '640Mi', replicas: 1 },
    keygen: { cpu: '20m', memory: '128Mi', memory_limit: '320Mi', replicas: 2 },
    resalloc: { cpu: '50m', memory: '160Mi', memory_limit: '384Mi', replicas: 1 },
    postgresql: { cpu: '500m', memory: '1Gi', memory_limit: '2Gi', replicas: 1 },
    frontend_max: 4,
    results: '500Gi',
    sources: '100Gi',
    database: '20Gi',
    database_instances: 2,
  },
  large: {
    frontend: { cpu: '250m', memory: '512Mi', memory_limit: '1Gi', replicas: 3 },
    backend: { cpu: '500m', memory: '1Gi', memory_limit: '2Gi', replicas: 3 },
    distgit: { cpu: '250m', memory: '512Mi', memory_limit: '1Gi', replicas: 1 },
    keygen: { cpu: '100m', memory: '128Mi', memory_limit: '384Mi', replicas: 3 },
    resalloc: { cpu: '100m', memory: '256Mi', memory_limit: '512Mi', replicas: 1 },
    postgresql: { cpu: '2', memory: '4Gi', memory_limit: '8Gi', replicas: 1 },
    frontend_max: 10,
    results: '5Ti',
    sources: '1Ti',
    database: '100Gi',
    database_instances: 3,
  },
}
