/** How an application shows that it is alive, asked through its web server. */
export interface ApplicationHealth {
  /** Path and query of a request that touches all that the application needs, its database above all. */
  readonly path: string;
  /** What the answer contains when all is well (beside status 200). */
  readonly contains: string;
}
