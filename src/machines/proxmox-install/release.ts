/** Which Proxmox VE is installed, and where it comes from. */

export const ISO = {
  name: "proxmox-ve_9.2-1.iso",
  url: "https://enterprise.proxmox.com/iso/proxmox-ve_9.2-1.iso",
  /** Of https://enterprise.proxmox.com/iso/SHA256SUMS; it is raised together with the name. */
  sha256: "4e88fe416df9b527624a175f24c9aa07c714d3332afb1ee3dbf3879573ef2c6c",
};

/** The key of Proxmox's packages for Debian 13 (pve.proxmox.com/wiki/Install_Proxmox_VE_on_Debian_13_Trixie). */
export const KEYRING = {
  url: "https://enterprise.proxmox.com/debian/proxmox-archive-keyring-trixie.gpg",
  sha256: "136673be77aba35dcce385b28737689ad64fd785a797e57897589aed08db6e45",
};

/** Of Debian that Proxmox VE 9 is made from: an older one has no assistant that knows this installer's words. */
export const SUITE = "trixie";
