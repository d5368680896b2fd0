/** Name by which clients log in that have the password of a generation: a role has one password, so each has a role. */
export const loginOf = (id: string, generation: number): string => `${id}_${generation}`;

/**
 * Shell command that exits 0 when a PostgreSQL server, or a pool in front of one, takes clients at an address: it asks for
 * encryption (SSLRequest), which is answered by one letter, yes or no, before it comes to accounts.
 */
export const answers = (address: string, port: number): string =>
  `python3 -c 'import socket; s = socket.create_connection(("${address}", ${port}), 3); s.settimeout(3); s.sendall(bytes.fromhex("0000000804d2162f")); assert s.recv(1) in (b"S", b"N"), "no database answers"'`;
