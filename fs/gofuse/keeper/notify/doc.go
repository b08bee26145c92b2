// Package notify speaks with the service manager that started this process: it tells it how the service is, gives it
// descriptors to keep, and takes them back in the next process.
//
// It is the protocol of sd_notify(3) and sd_listen_fds(3), which systemd promises to keep as it is: datagrams of
// KEY=value lines to the socket in $NOTIFY_SOCKET, descriptors as SCM_RIGHTS; descriptors from number 3 on, counted in
// $LISTEN_FDS, their names in $LISTEN_FDNAMES.
package notify
