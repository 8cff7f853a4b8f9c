/* Daemon proxy: the proxy settings that the running daemon has, for what is to go the way that its exchanges
 * go. */
#pragma once

/* Takes them over into this process's environment, all of them: those that the daemon does not have go.
 * Nothing changes if no daemon answers at the address, or its environment may not be read: only root may
 * read that of another user's process. Asks the daemon for its status, so it may block as that does. */
void daemon_proxy_adopt(const char *address);
