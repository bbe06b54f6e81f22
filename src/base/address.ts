/** An IP address to dial. */
export interface Address {
  readonly address: string;
  /** 0 for a name that is looked up at the far end of a tunnel. */
  readonly family: 0 | 4 | 6;
}
