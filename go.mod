module github.com/shmfs/shmfs

go 1.26
